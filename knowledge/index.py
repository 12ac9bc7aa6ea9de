"""Passages in memory: FAISS for meaning, tantivy for words. Knows no database.

Vectors are kept exactly, in 16 bits: an approximate index gains nothing below a few hundred thousand
passages and costs recall. The ways to ask a FAQ are vectors of their own, apart from passages, because
being asked the same question means more than standing near a text. Not for several threads at once.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import faiss
import numpy as np
import tantivy

from joblynk.providers.types import Vectors

if TYPE_CHECKING:
    from knowledge.library import IndexedChunk

# One question is one row: more threads only wait for each other (40 ms instead of 0.2 on busy cores).
faiss.omp_set_num_threads(1)

_NONE = (0.0,)
_WAYS_TO_ASK = 4  # looked at for each candidate, so that the second nearest of a FAQ is seldom missed
_ENGLISH, _PLAIN = "english", "plain"
_WRITER_BYTES = 15_000_000  # the least that tantivy takes
_CODE = re.compile(
    r"(?<![A-Za-z0-9])(?:([A-Za-z]{1,6})[-_\u2010\u2011]?|([A-Z]{1,6}) )(\d{2,8})(?![A-Za-z0-9])"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that may answer. `cosine` is exact; `lexical` is the BM25 score, 0 if no word is shared;
    `phrasing` is the cosine of the nearest way to ask its FAQ, `asked` the mean of the two nearest, both 0
    for documents; `coded` says that it holds a code of the question ("E-1042")."""

    chunk_id: int
    cosine: float
    lexical: float
    phrasing: float
    asked: float
    coded: bool


class PassageIndex:
    """Chunks by id. Adding an id again replaces it; removing an unknown one does nothing."""

    def __init__(self, dimension: int) -> None:
        self.words = WordIndex()
        self._passages = _VectorIndex(dimension)
        self._phrasings = _VectorIndex(dimension)
        self._sources: dict[int, str] = {}
        self._faq_passages: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def update(self, added: "Sequence[IndexedChunk]", removed: Iterable[int] = ()) -> None:
        """Drop `removed`, then put `added`."""
        stale = {*removed, *(chunk.chunk_id for chunk in added)} & self._sources.keys()
        self._drop(stale)
        passages = [chunk for chunk in added if chunk.role == "passage"]
        self._passages.add(passages)
        self._phrasings.add([chunk for chunk in added if chunk.role == "phrasing"])
        self._sources.update((chunk.chunk_id, chunk.source_key) for chunk in added)
        self._faq_passages.update((c.source_key, c.chunk_id) for c in passages if c.source_key[0] == "f")
        self.words.update(added, stale)

    def candidates(self, vector: Vectors, text: str, count: int) -> list[Candidate]:
        """The `count` nearest passages, the `count` with the best words, those of FAQs that are asked in
        nearly these words, and those with the question's codes. `vector`: float32 (dimension,)."""
        cosines = self._passages.nearest(vector, count)
        lexical = self._of_passages(self.words.search(text, count))
        phrasings = self._of_passages(self._phrasings.nearest(vector, _WAYS_TO_ASK * count))
        asked = {chunk_id: sum(two := scores[:2]) / len(two) for chunk_id, scores in phrasings.items()}
        coded = self._of_passages(dict.fromkeys(self.words.with_codes(text, count), 0.0))
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
            passage = self._faq_passages.get(self._sources[chunk_id], chunk_id)
            if passage in self._passages:
                found.setdefault(passage, []).append(score)
        return found

    def _drop(self, chunk_ids: set[int]) -> None:
        self._passages.remove(chunk_ids)
        self._phrasings.remove(chunk_ids)
        for chunk_id in chunk_ids:
            source = self._sources.pop(chunk_id)
            if self._faq_passages.get(source) == chunk_id:
                del self._faq_passages[source]


class WordIndex:
    """BM25 over stemmed English words, and exact codes whatever stands between letters and digits."""

    def __init__(self) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field("chunk", indexed=True, fast=True)
        builder.add_text_field("text", tokenizer_name=_ENGLISH, index_option="freq")
        builder.add_text_field("word", tokenizer_name=_PLAIN, index_option="basic")
        builder.add_text_field("code", tokenizer_name="raw", index_option="basic")
        builder.add_text_field("family", tokenizer_name="raw", index_option="basic")
        self._schema = builder.build()
        self._analyzer = _analyzer(stemmed=True)
        self._index = tantivy.Index(self._schema)
        self._index.register_tokenizer(_ENGLISH, self._analyzer)
        self._index.register_tokenizer(_PLAIN, _analyzer(stemmed=False))
        self._writer = self._index.writer(_WRITER_BYTES, 1)
        self._searcher = self._index.searcher()

    def update(self, added: "Sequence[IndexedChunk]", removed: Iterable[int]) -> None:
        if gone := list(removed):
            # tantivy 0.27 takes no notice of delete_documents_by_term where the term is a number.
            self._writer.delete_documents_by_query(tantivy.Query.term_set_query(self._schema, "chunk", gone))
        for chunk in added:
            text = f"{chunk.title} {chunk.heading}\n{chunk.text}" if chunk.role == "passage" else chunk.text
            document = tantivy.Document()
            document.add_unsigned("chunk", chunk.chunk_id)
            document.add_text("text", text)
            document.add_text("word", text)
            for family, number in codes(text):
                document.add_text("code", family + number)
                document.add_text("family", family)
            self._writer.add_document(document)
        self._writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, text: str, count: int) -> dict[int, float]:
        """Chunk ids with their BM25 scores, best first."""
        return self._run([self._term("text", term) for term in dict.fromkeys(self.terms(text))], count)

    def with_codes(self, text: str, count: int) -> list[int]:
        """Chunks that hold a code of `text`."""
        return list(self._run([self._term("code", "".join(code)) for code in codes(text)], count))

    def unknown_codes(self, text: str) -> set[str]:
        """Codes of `text` that no chunk holds although it holds others of their family."""
        return {
            family + number
            for family, number in codes(text)
            if self._searcher.doc_freq("family", family)
            and not self._searcher.doc_freq("code", family + number)
        }

    def terms(self, text: str) -> list[str]:
        """The words of `text` as they are compared: lower case, no accents, stemmed."""
        return self._analyzer.analyze(text)

    def uses(self, word: str) -> int:
        """How many chunks hold `word` (lower case) as it is written."""
        return self._searcher.doc_freq("word", word)

    def holds(self, word: str) -> bool:
        """Some chunk has the word in this or another form."""
        return any(self._searcher.doc_freq("text", term) for term in self.terms(word))

    def rarity(self, term: str) -> float:
        """The inverse document frequency that BM25 gives a term: from near 0 for one in every chunk."""
        found = self._searcher.doc_freq("text", term)
        return math.log(1 + (self._searcher.num_docs - found + 0.5) / (found + 0.5))

    def _run(self, queries: list[tantivy.Query], count: int) -> dict[int, float]:
        if not queries:
            return {}
        query = tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])
        hits = self._searcher.search(query, count, count=False).hits
        chunk_ids = self._searcher.fast_field_values("chunk", [address for _, address in hits])
        return {
            int(pk): float(score) for pk, (score, _) in zip(chunk_ids, hits, strict=True) if pk is not None
        }

    def _term(self, field: str, value: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, value, "freq" if field == "text" else "basic")


def _analyzer(*, stemmed: bool) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for step in (
        tantivy.Filter.remove_long(64),
        tantivy.Filter.lowercase(),
        tantivy.Filter.ascii_fold(),
    ):
        builder = builder.filter(step)
    if stemmed:
        builder = builder.filter(tantivy.Filter.stemmer("english"))
    return builder.build()


def codes(text: str) -> set[tuple[str, str]]:
    """("e", "1042") for "E-1042", "e1042" and "E 1042"."""
    return {((close or apart).lower(), number) for close, apart, number in _CODE.findall(text)}


class _VectorIndex:
    """Cosines by chunk id."""

    def __init__(self, dimension: int) -> None:
        flat = faiss.IndexScalarQuantizer(
            dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._index = faiss.IndexIDMap2(flat)
        self._ids: set[int] = set()

    def __contains__(self, chunk_id: int) -> bool:
        return chunk_id in self._ids

    def add(self, chunks: "Sequence[IndexedChunk]") -> None:
        if not chunks:
            return
        ids = np.array([chunk.chunk_id for chunk in chunks], np.int64)
        self._index.add_with_ids(np.stack([chunk.vector[: self._index.d] for chunk in chunks]), ids)
        self._ids.update(ids.tolist())

    def remove(self, chunk_ids: set[int]) -> None:
        if mine := chunk_ids & self._ids:
            self._index.remove_ids(faiss.IDSelectorBatch(np.array(sorted(mine), np.int64)))
            self._ids -= mine

    def nearest(self, vector: Vectors, count: int) -> dict[int, float]:
        """Chunk ids with their cosines, best first."""
        if not self._ids:
            return {}
        # OpenMP keeps this per thread. Its other threads would spin after each search, which costs a busy
        # site more than half of its processor time and saves a search of 100,000 passages 1 ms.
        faiss.omp_set_num_threads(1)
        cosines, ids = self._index.search(vector[np.newaxis], min(count, len(self._ids)))
        return dict(zip(ids[0].tolist(), cosines[0].tolist(), strict=True))

    def cosines(self, vector: Vectors, chunk_ids: Sequence[int]) -> dict[int, float]:
        if not chunk_ids:
            return {}
        vectors = self._index.reconstruct_batch(np.array(chunk_ids, np.int64))
        return dict(zip(chunk_ids, (vectors @ vector).tolist(), strict=True))
