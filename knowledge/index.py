"""Passages in memory: FAISS for meaning, tantivy for words. Knows no database.

The ways to ask a FAQ are vectors of their own, apart from passages, because being asked the same question
means more than standing near a text. Not for several threads at once.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from joblynk.providers.types import Vectors
from knowledge.vectors import VectorIndex
from knowledge.words import WordHits, WordIndex

if TYPE_CHECKING:
    from knowledge.library import ChunkVectors, IndexedChunk

_NONE = (0.0,)
_WAYS_TO_ASK = 4  # looked at for each candidate, so that the second nearest of a FAQ is seldom missed


class Candidate(NamedTuple):
    """A passage that may answer. `cosine` is off by about 0.001; `lexical` is the BM25 score, 0 if no word is
    shared; `phrasing` is the cosine of the nearest way to ask its FAQ, `asked` the mean of the two nearest,
    both 0 for documents; `coded` says that it holds a code of the question ("E-1042")."""

    chunk_id: int
    cosine: float
    lexical: float
    phrasing: float
    asked: float
    coded: bool


class PassageIndex:
    """Chunks by id. Adding an id again replaces it; removing an unknown one does nothing.

    Words take ten times as long to read as vectors, so an index can do without them for a while: `fill`
    brings vectors alone, `complete` the words.
    """

    def __init__(self, dimension: int) -> None:
        self.words = WordIndex()
        self.worded = True
        """`words` is whole, and follows the changes."""
        self._dimension = dimension
        self._passages = VectorIndex(dimension)
        self._phrasings = VectorIndex(dimension)
        self._sources: dict[int, str] = {}
        self._faq_passages: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def fill(self, chunks: "ChunkVectors") -> None:
        """Put chunks of which none is there yet; their words are to come."""
        self.worded = False
        self._put(chunks.chunk_ids, chunks.source_keys, chunks.roles, chunks.matrix(self._dimension))

    def complete(self, words: WordIndex) -> None:
        """Search these words, which belong to the same chunks, from now on."""
        self.words, self.worded = words, True

    def update(self, added: "Sequence[IndexedChunk]", removed: Iterable[int] = ()) -> None:
        """Drop `removed`, then put `added`."""
        self.update_words(added, removed)
        self.update_vectors(added, removed)

    def update_words(self, added: "Sequence[IndexedChunk]", removed: Iterable[int] = ()) -> None:
        """The first half, which takes longer. One thread may do this while others search."""
        if self.worded:
            self.words.update(added, _stale(added, removed))

    def update_vectors(self, added: "Sequence[IndexedChunk]", removed: Iterable[int] = ()) -> None:
        self._drop(_stale(added, removed) & self._sources.keys())
        if added:
            matrix = np.stack([chunk.vector[: self._dimension] for chunk in added])
            chunk_ids, source_keys, roles = zip(*(chunk[:3] for chunk in added), strict=True)
            self._put(chunk_ids, source_keys, roles, matrix)

    def candidates(self, vector: Vectors, worded: WordHits, count: int) -> list[Candidate]:
        """The `count` nearest passages, those with the best words, those of FAQs that are asked in nearly
        these words, and those with the question's codes. `vector`: float32 (dimension,)."""
        cosines = self._passages.nearest(vector, count)
        lexical = self._of_passages(worded.scores)
        phrasings = self._of_passages(self._phrasings.nearest(vector, _WAYS_TO_ASK * count))
        asked = {chunk_id: sum(two := scores[:2]) / len(two) for chunk_id, scores in phrasings.items()}
        coded = self._of_passages(dict.fromkeys(worded.coded, 0.0))
        others = {*lexical, *islice(phrasings, count), *coded} - cosines.keys()
        cosines |= self._passages.cosines(vector, sorted(others))
        return [
            Candidate(
                chunk_id,
                cosine,
                lexical.get(chunk_id, _NONE)[0],
                phrasings.get(chunk_id, _NONE)[0],
                asked.get(chunk_id, 0.0),
                chunk_id in coded,
            )
            for chunk_id, cosine in cosines.items()
        ]

    def _of_passages(self, scores: dict[int, float]) -> dict[int, list[float]]:
        """By passage, both best first: a phrasing's score counts for the passage of its FAQ."""
        found: dict[int, list[float]] = {}
        for chunk_id, score in scores.items():
            passage = self._faq_passages.get(self._sources.get(chunk_id, ""), chunk_id)
            if passage in self._passages:  # words may have been read later than vectors
                found.setdefault(passage, []).append(score)
        return found

    def _put(
        self, chunk_ids: Sequence[int], source_keys: Sequence[str], roles: Sequence[str], vectors: Vectors
    ) -> None:
        is_passage = np.fromiter((role == "passage" for role in roles), bool, len(roles))
        ids = np.array(chunk_ids, np.int64)
        self._passages.add(ids[is_passage], vectors[is_passage])
        self._phrasings.add(ids[~is_passage], vectors[~is_passage])
        self._sources.update(zip(chunk_ids, source_keys, strict=True))
        named = zip(chunk_ids, source_keys, roles, strict=True)
        self._faq_passages.update((key, pk) for pk, key, role in named if key[0] == "f" and role == "passage")

    def _drop(self, chunk_ids: set[int]) -> None:
        self._passages.remove(chunk_ids)
        self._phrasings.remove(chunk_ids)
        for chunk_id in chunk_ids:
            source = self._sources.pop(chunk_id)
            if self._faq_passages.get(source) == chunk_id:
                del self._faq_passages[source]


def _stale(added: "Sequence[IndexedChunk]", removed: Iterable[int]) -> set[int]:
    return {*removed, *(chunk.chunk_id for chunk in added)}
