"""Vectors in memory: FAISS, every one compared with the question. Knows no database.

A search is bound by the memory that it reads. So a vector is kept in 8 bits a number, where a cosine is
off by about 0.001: whoever shows one takes it from the database. And where there are very many, their
signs alone, a bit a number, tell first which thousand may be near: of 100,000 passages 1.2 ms instead of
4.3 (6.1 in 16 bits), with 998 of 1,000 of the nearest ten among them. An index that looks at a part of the
vectors gains nothing below a few hundred thousand passages and misses more.
"""

import math
from collections.abc import Iterable, Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from joblynk.providers.types import Vectors

# One question is one row: more threads only wait for each other (40 ms instead of 0.2 on busy cores).
faiss.omp_set_num_threads(1)

_ZERO, _MOST = 128, 127  # a number in 8 bits: 128 is 0, and 1 to 255 are -127 to 127
_TINY = 1e-9
_MANY = 30_000  # vectors from which on looking at signs first is faster
_SIFTED = 1_000  # looked at again of them
_WIDEST = 6.0  # a number beyond so many times the usual one is cut off; those of MiniLM reach 5.1


class VectorIndex:
    """Cosines by chunk id."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._index = faiss.IndexScalarQuantizer(
            dimension, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )
        self._signs = faiss.IndexBinaryFlat(8 * math.ceil(dimension / 8))
        self._ids = np.empty(0, np.int64)
        """By place in both."""
        self._by_id = np.empty(0, np.int64)
        """Places in the order of their ids."""
        self._known: set[int] = set()
        self._scale = _MOST * max(1.0, dimension**0.5 / _WIDEST)

    def __contains__(self, chunk_id: int) -> bool:
        return chunk_id in self._known

    def add(self, chunk_ids: NDArray[np.int64], vectors: Vectors) -> None:
        """`vectors`: float32 (ids, dimension), rows of length 1; the ids are new."""
        if not len(chunk_ids):
            return
        self._index.add_sa_codes(self._packed(vectors))
        self._signs.add(_signs(vectors))
        self._keep(np.append(self._ids, chunk_ids))
        self._known.update(chunk_ids.tolist())

    def remove(self, chunk_ids: Iterable[int]) -> None:
        """Those that are not there are left out."""
        if gone := self._known.intersection(chunk_ids):
            places = self._places(list(gone))
            for index in (self._index, self._signs):
                index.remove_ids(faiss.IDSelectorBatch(places))  # those behind move up
            self._keep(np.delete(self._ids, places))
            self._known -= gone

    def nearest(self, vector: Vectors, count: int) -> dict[int, float]:
        """Chunk ids with their cosines, best first."""
        if not self._known:
            return {}
        # OpenMP keeps this per thread. Its other threads would spin after each search, which costs a busy
        # site more than half of its processor time and saves a search of 100,000 passages 1 ms.
        faiss.omp_set_num_threads(1)
        count = min(count, len(self._ids))
        cosines, places = (self._sifted if len(self._ids) > _MANY else self._all)(vector, count)
        return dict(zip(self._ids[places].tolist(), cosines.tolist(), strict=True))

    def cosines(self, vector: Vectors, chunk_ids: Sequence[int]) -> dict[int, float]:
        """Of ids that are there."""
        if not chunk_ids:
            return {}
        return dict(zip(chunk_ids, self._cosines(vector, self._places(chunk_ids)).tolist(), strict=True))

    def _all(self, vector: Vectors, count: int) -> tuple[Vectors, NDArray[np.int64]]:
        """Cosines and places, best first."""
        scale = _MOST / max(float(np.abs(vector).max()), _TINY)
        whole = np.rint(vector * scale)  # FAISS makes whole numbers of it too, but of 9.9 it makes 9
        products, places = self._index.search(whole[np.newaxis], count)
        return products[0] / (scale * self._scale), places[0]

    def _sifted(self, vector: Vectors, count: int) -> tuple[Vectors, NDArray[np.int64]]:
        _, places = self._signs.search(_signs(vector[np.newaxis]), max(_SIFTED, count))
        cosines = self._cosines(vector, places[0])
        best = np.argsort(-cosines)[:count]
        return cosines[best], places[0][best]

    def _cosines(self, vector: Vectors, places: NDArray[np.int64]) -> Vectors:
        found: Vectors = self._index.reconstruct_batch(places) @ (vector / self._scale)
        return found

    def _keep(self, ids: NDArray[np.int64]) -> None:
        self._ids, self._by_id = ids, np.argsort(ids, kind="stable")

    def _places(self, chunk_ids: Sequence[int]) -> NDArray[np.int64]:
        return self._by_id[np.searchsorted(self._ids, chunk_ids, sorter=self._by_id)]

    def _packed(self, vectors: Vectors) -> NDArray[np.uint8]:
        numbers = vectors * self._scale
        np.rint(numbers, out=numbers)
        np.clip(numbers, -_MOST, _MOST, out=numbers)
        numbers += _ZERO
        packed: NDArray[np.uint8] = numbers.astype(np.uint8)
        return packed


def _signs(vectors: Vectors) -> NDArray[np.uint8]:
    return np.packbits(vectors > 0, axis=1)
