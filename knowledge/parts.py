"""A passage's vector is a mean, in which a single telling sentence or word drowns. So what its sentences and
its words mean in their place is kept beside it: they come out of the same run of the encoder.

Stored as one row of bytes: the passage as float32; each sentence in 8 bits, which changes a cosine by less
than 0.003; each word in 8 bits along the 64 directions in which words differ most (`directions.npy`: the
leading singular vectors of the words of the demo articles, by the packaged encoder), which tell answers
from near misses as well as all 384; and how many words. Encoders that tell no parts leave all that out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from joblynk.providers.types import Embedder, Vectors
from knowledge.gate import STOP

PARTS_VERSION = 2
_ENCODER = "all-MiniLM-L6-v2-int8"
"""Whose words `directions.npy` is made of."""
_END = re.compile(r"(?<=[.!?])\s+|\n+")
_SHORTEST = 16  # characters; less is a crumb of a list or a table
_MOST = 24  # sentences of one passage
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W\d_]+)?")
_MOST_WORDS = 96  # of one passage
_TOLERANCE = 0.01  # of a vector's length, which is 1

Span = tuple[int, int]


@runtime_checkable
class PartsEmbedder(Protocol):
    """An encoder that also tells what stretches of a text mean, in the light of the whole text."""

    def embed_parts(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[Vectors]:
        """For each text float32 (1 + spans, dimension), rows of length 1: first the text, then its `spans`
        (from, to in characters); those beyond what the encoder reads are rows of zeros."""
        ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of a question: the whole of length 1, its words, and a row for each of these, none where the encoder
    tells no parts."""

    vector: Vectors
    words: tuple[str, ...] = ()
    rows: Vectors | None = None


def embed(embedder: Embedder, texts: Sequence[str]) -> list[bytes]:
    """Each text as it is stored."""
    if not isinstance(embedder, PartsEmbedder):
        return [_bytes(row) for row in embedder.embed(texts)]
    sentences = [spans(text) for text in texts]
    words = [_spelt(text) if _has_words(embedder) and "\n" in text else [] for text in texts]
    wanted = [[*those, *these] for those, these in zip(sentences, words, strict=True)]
    read = embedder.embed_parts(texts, wanted)
    middles = [1 + len(those) for those in sentences]
    stored = [
        _bytes(rows[0]) + _small(_there(rows[1:middle])) for rows, middle in zip(read, middles, strict=True)
    ]
    if not _has_words(embedder):
        return stored
    told = [_there(rows[middle:]) for rows, middle in zip(read, middles, strict=True)]
    small = np.split(_along(np.concatenate(told)), np.cumsum([len(rows) for rows in told])[:-1])
    return [
        row + _small(rows) + len(rows).to_bytes(2, "little") for row, rows in zip(stored, small, strict=True)
    ]


def read(embedder: Embedder, question: str) -> Meaning:
    if not (isinstance(embedder, PartsEmbedder) and _has_words(embedder)):
        return Meaning(embedder.embed([question])[0])
    words = [(match[0], match.span()) for match in _WORD.finditer(question)]
    (rows,) = embedder.embed_parts([question], [[span for _, span in words]])
    return Meaning(rows[0], tuple(word for word, _ in words), _along(rows[1:]))


def nearest(stored: Sequence[bytes], vector: Vectors) -> list[tuple[float, float]]:
    """For each text the exact cosine with `vector`, and the best one of its sentences: without any, again
    that of the whole."""
    if not stored:
        return []
    wholes = np.stack([np.frombuffer(row, "<f4", count=len(vector)) for row in stored]) @ vector
    sentences = [_cut(row, len(vector))[0] for row in stored]
    found = [(whole, whole) for whole in wholes.tolist()]
    told = [place for place, rows in enumerate(sentences) if len(rows)]
    if told:
        wide = np.concatenate([sentences[place] for place in told]).astype(np.float32)
        cosines = wide @ vector / np.maximum(np.sqrt(np.einsum("ij,ij->i", wide, wide)), 1.0)
        starts = np.cumsum([0, *(len(sentences[place]) for place in told[:-1])])
        for place, best in zip(told, np.maximum.reduceat(cosines, starts).tolist(), strict=True):
            found[place] = (found[place][0], best)
    return found


def matches(stored: bytes, question: Meaning) -> tuple[float, ...]:
    """For each word of the question the best cosine with a word of the text; none when these are unknown."""
    words = _cut(stored, len(question.vector))[1]
    if question.rows is None or not len(words):
        return ()
    wide = words.astype(np.float32)
    wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1.0)
    return tuple((question.rows @ wide.T).max(axis=1).tolist())


def is_sound(stored: bytes, dimension: int) -> bool:
    """A row that can be read: as long as it says, and the passage of length 1."""
    if len(stored) < 4 * dimension:
        return False
    rest = len(stored) - 4 * dimension
    if rest % dimension:
        rest -= 2 + int.from_bytes(stored[-2:], "little") * len(_directions()[0])
    length = float(np.linalg.norm(np.frombuffer(stored, "<f4", count=dimension)))
    return rest >= 0 and rest % dimension == 0 and abs(length - 1) < _TOLERANCE


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


def _spelt(text: str) -> list[Span]:
    """Words that carry meaning, each where it stands first."""
    first: dict[str, Span] = {}
    for match in _WORD.finditer(text):
        first.setdefault(match[0].lower(), match.span())
    return [span for word, span in first.items() if word not in STOP][:_MOST_WORDS]


def _there(rows: Vectors) -> Vectors:
    """Without those that were cut off."""
    return rows[rows.any(axis=1)]


def _along(rows: Vectors) -> Vectors:
    found: Vectors = rows @ _directions()
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return found


@cache
def _directions() -> Vectors:
    """Float32 (384, 64), columns of length 1 at right angles."""
    found: Vectors = np.load(Path(__file__).with_name("directions.npy"), allow_pickle=False)
    return found.astype(np.float32)


def _has_words(embedder: Embedder) -> bool:
    return embedder.name == _ENCODER


def _cut(stored: bytes, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Sentences and words, int8. A row of an earlier version has no words and no count."""
    start, end = 4 * dimension, len(stored)
    count, width = 0, 1
    if (end - start) % dimension:
        count, width = int.from_bytes(stored[-2:], "little"), len(_directions()[0])
        end -= 2
    middle = end - count * width
    sentences = np.frombuffer(stored, np.int8, middle - start, start).reshape(-1, dimension)
    return sentences, np.frombuffer(stored, np.int8, end - middle, middle).reshape(-1, width)


def _small(rows: Vectors) -> bytes:
    scale = 127 / np.maximum(np.abs(rows).max(axis=1, keepdims=True, initial=0.0), 1e-9)
    small: bytes = np.rint(rows * scale).astype(np.int8).tobytes()
    return small


def _bytes(row: Vectors) -> bytes:
    return row.astype("<f4").tobytes()
