"""The exported model, served by onnxruntime: no torch in the process, a query in about 1 ms."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.core.exceptions import ImproperlyConfigured

from joblynk.providers.types import Vectors

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
_SPECIAL_TOKENS = 2  # [CLS] and [SEP]
_BATCH_PIECES = 256
"""Word pieces in one run, padding included. What a run of more computes does not stay in a core's cache: of
1,024 it takes a sixth longer."""


class OnnxEmbedder:
    """all-MiniLM-L6-v2 in 8 bits, as `export.ensure_exported` wrote it into `folder`."""

    name = "all-MiniLM-L6-v2-int8"
    dimension = 384
    max_tokens = 256 - _SPECIAL_TOKENS

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 (len(texts), 384), rows of length 1."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, vector in self._read(texts, lambda row, encoding, states: _mean(states, encoding)):
            vectors[row] = vector
        return vectors

    def embed_parts(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> Generator[tuple[int, Vectors]]:
        """For each text its place, in any order, and float32 (1 + spans, 384), rows of length 1: the text,
        then stretches of it in the light of the whole, `spans` being (from, to) in characters. Those cut off
        are rows of zeros."""

        def meaning(row: int, encoding: "Encoding", states: Vectors) -> Vectors:
            return np.vstack([_mean(states, encoding), _means(states, encoding, spans[row])])

        return self._read(texts, meaning)

    def count_tokens(self, text: str) -> int:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return len(encoding) + sum(len(rest) for rest in encoding.overflowing)

    def _read(
        self, texts: Sequence[str], meaning: "Callable[[int, Encoding, Vectors], Vectors]"
    ) -> Generator[tuple[int, Vectors]]:
        """Each text's row, in any order, and what `meaning` makes of the row, its word pieces and their last
        hidden states (at least len(pieces), 384)."""
        tokenizer = self._tokenizer
        # A batch wakes the tokenizer's own threads, which one question does not pay back.
        encodings = [tokenizer.encode(texts[0])] if len(texts) == 1 else tokenizer.encode_batch(list(texts))

        def read(rows: list[int]) -> list[tuple[int, Vectors]]:
            states = self._run([encodings[row] for row in rows])
            return [(row, meaning(row, encodings[row], told)) for row, told in zip(rows, states, strict=True)]

        batches = list(_batches([len(encoding) for encoding in encodings]))
        if len(batches) == 1:
            yield from read(batches[0])
            return
        # A batch to a core, rather than all cores to a batch: none waits for the other.
        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="encoder") as pool:
            for told in pool.map(read, batches):
                yield from told

    def _run(self, encodings: "list[Encoding]") -> Vectors:
        """Last hidden states, float32 (texts, pieces of the longest, 384)."""
        shape = len(encodings), max(len(encoding) for encoding in encodings)
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            mask[row, : len(encoding)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states: Vectors = self._session.run(None, inputs)[0]
        return states

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # the arena keeps the memory of the largest batch for ever
        path = self._existing(MODEL_FILE)
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._existing(TOKENIZER_FILE)))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_tokens + _SPECIAL_TOKENS)
        return tokenizer

    def _existing(self, name: str) -> Path:
        path = self._folder / name
        if not path.is_file():
            raise ImproperlyConfigured(f"{path} is missing. Run `manage.py setup`, which exports the model.")
        return path


def _mean(states: Vectors, encoding: "Encoding") -> Vectors:
    mean = states[: len(encoding)].mean(axis=0)
    vector: Vectors = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return vector


def _means(states: Vectors, encoding: "Encoding", spans: Sequence[tuple[int, int]]) -> Vectors:
    """Of the pieces inside each span, float32 (spans, 384)."""
    edges, wanted = np.array(encoding.offsets[1:-1]).reshape(-1, 2), np.array(spans, int).reshape(-1, 2)
    first = np.searchsorted(edges[:, 0], wanted[:, 0])
    last = np.maximum(np.searchsorted(edges[:, 1], wanted[:, 1], side="right"), first)
    sums = np.zeros((len(edges) + 1, states.shape[1]), np.float32)
    np.cumsum(states[1 : 1 + len(edges)], axis=0, out=sums[1:])
    rows: Vectors = sums[last] - sums[first]
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    rows[first == last] = 0.0
    return rows


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows of about equal length together, longest first, so that little is computed for padding and
    memory peaks at once."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch and (len(batch) + 1) * lengths[batch[0]] > _BATCH_PIECES:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
