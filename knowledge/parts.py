"""A passage's vector is a mean, in which a single telling sentence drowns. So the means of its sentences
are kept beside it: they come out of the same run of the encoder and cost nothing but room.

Stored as one row of bytes: the passage as float32, then each part in 8 bits, which changes a cosine by
less than 0.003. Encoders that tell no parts leave them out, and then the passage speaks for itself.
"""

import re
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from joblynk.providers.types import Embedder, Vectors

PARTS_VERSION = 1
_END = re.compile(r"(?<=[.!?])\s+|\n+")
_SHORTEST = 16  # characters; less is a crumb of a list or a table
_MOST = 24  # parts of one passage

Span = tuple[int, int]


@runtime_checkable
class PartsEmbedder(Protocol):
    """An encoder that also tells what stretches of a text mean, in the light of the whole text."""

    def embed_parts(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Vectors]:
        """For each text float32 (1 + spans that were read, dimension), rows of length 1: first the text,
        then its `spans` (from, to in characters); those beyond what the encoder reads are left out."""
        ...


def embed(embedder: Embedder, texts: Sequence[str]) -> list[bytes]:
    """Each text as it is stored."""
    if isinstance(embedder, PartsEmbedder):
        return [_pack(rows) for rows in embedder.embed_parts(texts, [spans(text) for text in texts])]
    return [_pack(row[np.newaxis]) for row in embedder.embed(texts)]


def whole(stored: bytes, vector: Vectors) -> float:
    """The exact cosine of the text with `vector`."""
    return float(np.frombuffer(stored, "<f4", count=len(vector)) @ vector)


def nearest(stored: bytes, vector: Vectors) -> float | None:
    """The best cosine of a part with `vector`; None when there are no parts."""
    if len(stored) <= 4 * len(vector):
        return None
    parts = np.frombuffer(stored, np.int8, offset=4 * len(vector)).reshape(-1, len(vector))
    wide = parts.astype(np.float32)
    return float(np.max(wide @ vector / np.maximum(np.linalg.norm(wide, axis=1), 1.0)))


def spans(text: str) -> list[Span]:
    """Sentences and lines below the first line, which names title and headings."""
    start = text.find("\n") + 1
    found: list[Span] = []
    while start and start < len(text) and len(found) < _MOST:
        end = _END.search(text, start)
        if (end.start() if end else len(text)) - start >= _SHORTEST:
            found.append((start, end.start() if end else len(text)))
        start = end.end() if end else len(text)
    return found


def _pack(rows: Vectors) -> bytes:
    parts = rows[1:]
    scale = 127 / np.maximum(np.abs(parts).max(axis=1, keepdims=True, initial=0.0), 1e-9)
    small = np.rint(parts * scale).astype(np.int8)
    return b"".join((rows[0].astype("<f4").tobytes(), small.tobytes()))
