"""The words of passages in memory: BM25 by tantivy, and codes. Knows no database."""

import math
import re
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import tantivy

_ENGLISH, _PLAIN = "english", "plain"
_WRITER_BYTES = 15_000_000  # the least that tantivy takes
_FILLING_BYTES = 60_000_000  # with more room it writes fewer segments, which are searched faster
_NUMBER = re.compile(r"(?<!\d)\d{2,8}(?![A-Za-z0-9])")
_FAMILY = re.compile(r"(?<![A-Za-z0-9])(?:([A-Za-z]{1,6})[-_\u2010\u2011]?|([A-Z]{1,6}) )$")
_FAMILY_CHARS = 8  # with the one before it


class Worded(Protocol):
    """What is read of a chunk: for a phrasing its text alone, for a passage what stands above it too."""

    @property
    def chunk_id(self) -> int: ...
    @property
    def role(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def heading(self) -> str: ...
    @property
    def text(self) -> str: ...


class WordHits(NamedTuple):
    """Chunks that share words with a question: BM25 scores by id, best first, and those with its codes."""

    scores: dict[int, float]
    coded: list[int]


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

    def fill(self, chunks: Iterable[Worded]) -> None:
        """Add very many chunks, none of which is there yet."""
        self._writer.wait_merging_threads()  # this ends the writer
        self._writer = self._index.writer(_FILLING_BYTES, 1)
        for chunk in chunks:
            self._add(chunk)
        self._writer.commit()
        self._writer.wait_merging_threads()
        self._writer = self._index.writer(_WRITER_BYTES, 1)
        self._look_again()

    def update(self, added: Iterable[Worded], removed: Iterable[int]) -> None:
        """Drop `removed`, then add."""
        if gone := list(removed):
            # tantivy 0.27 takes no notice of delete_documents_by_term where the term is a number.
            self._writer.delete_documents_by_query(tantivy.Query.term_set_query(self._schema, "chunk", gone))
        for chunk in added:
            self._add(chunk)
        self._writer.commit()
        self._look_again()

    def search(self, text: str, count: int) -> WordHits:
        """At most `count` of each."""
        words = [self._term("text", term) for term in dict.fromkeys(self.terms(text))]
        coded = [self._term("code", "".join(code)) for code in codes(text)]
        return WordHits(self._run(words, count), list(self._run(coded, count)))

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

    def _add(self, chunk: Worded) -> None:
        text = f"{chunk.title} {chunk.heading}\n{chunk.text}" if chunk.role == "passage" else chunk.text
        document = tantivy.Document()
        document.add_unsigned("chunk", chunk.chunk_id)
        document.add_text("text", text)
        document.add_text("word", text)
        for family, number in codes(text):
            document.add_text("code", family + number)
            document.add_text("family", family)
        self._writer.add_document(document)

    def _look_again(self) -> None:
        self._index.reload()
        self._searcher = self._index.searcher()

    def _run(self, queries: list[tantivy.Query], count: int) -> dict[int, float]:
        if not queries:
            return {}
        query = tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])
        searcher = self._searcher  # another thread may update meanwhile, and its addresses are others
        hits = searcher.search(query, count, count=False).hits
        chunk_ids = searcher.fast_field_values("chunk", [address for _, address in hits])
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
    found: set[tuple[str, str]] = set()
    for number in _NUMBER.finditer(text):
        before = text[max(0, number.start() - _FAMILY_CHARS) : number.start()]
        if family := _FAMILY.search(before):
            found.add(((family[1] or family[2]).lower(), number[0]))
    return found
