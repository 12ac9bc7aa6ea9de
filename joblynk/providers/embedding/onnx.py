"""The exported model, served by onnxruntime: no torch in the process, a query in about 1 ms."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.core.exceptions import ImproperlyConfigured
from numpy.typing import NDArray

from joblynk.providers.types import Vectors

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
_SPECIAL_TOKENS = 2  # [CLS] and [SEP]
_NARROW_PIECES = 128
_BATCH_PIECES = 1_024
"""Word pieces in one run, padding included: more than this no longer gains speed, only memory."""


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
        for row, encoding, states in self._read(texts):
            vectors[row] = _mean(states, slice(len(encoding)))
        return vectors

    def embed_parts(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]) -> list[Vectors]:
        """For each text float32 (1 + spans, 384), rows of length 1: the text, then stretches of it in the
        light of the whole, `spans` being (from, to) in characters. Those cut off are rows of zeros."""
        found: list[Vectors] = [np.empty((0, self.dimension), np.float32)] * len(texts)
        for row, encoding, states in self._read(texts):
            found[row] = np.vstack(
                [_mean(states, slice(len(encoding))), _means(states, encoding.offsets, spans[row])]
            )
        return found

    def count_tokens(self, text: str) -> int:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return len(encoding) + sum(len(rest) for rest in encoding.overflowing)

    def _read(self, texts: Sequence[str]) -> "Iterator[tuple[int, Encoding, Vectors]]":
        """Each text's row, word pieces and last hidden states (at least len(pieces), 384), in any order."""
        tokenizer = self._tokenizer
        # A batch wakes the tokenizer's own threads, which one question does not pay back.
        encodings = [tokenizer.encode(texts[0])] if len(texts) == 1 else tokenizer.encode_batch(list(texts))
        for rows in _batches([len(encoding) for encoding in encodings]):
            states = self._run([encodings[row] for row in rows])
            for row, of_text in zip(rows, states, strict=True):
                yield row, encodings[row], of_text

    def _run(self, encodings: "list[Encoding]") -> Vectors:
        """Last hidden states, float32 (texts, pieces of the longest, 384)."""
        shape = len(encodings), max(len(encoding) for encoding in encodings)
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            mask[row, : len(encoding)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        session = self._narrow if ids.size <= _NARROW_PIECES else self._wide
        states: Vectors = session.run(None, inputs)[0]
        return states

    @cached_property
    def _narrow(self) -> Any:
        """For single queries: waking a second thread takes longer than what it would save."""
        return self._session(threads=1)

    @cached_property
    def _wide(self) -> Any:
        """For passages, on all cores. A web process never embeds so much and does not load it."""
        return self._session(threads=0)

    def _session(self, threads: int) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads would burn the cores between two runs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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


def _mean(states: Vectors, pieces: slice | NDArray[np.intp]) -> Vectors:
    mean = states[pieces].mean(axis=0)
    vector: Vectors = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return vector


def _means(states: Vectors, offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> Vectors:
    """Of the pieces inside each span, float32 (spans, 384)."""
    edges, wanted = np.array(offsets[1:-1]).reshape(-1, 2), np.array(spans, int).reshape(-1, 2)
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
