"""The searchable pieces in memory: FAISS for meaning, tantivy for words. Knows no database.

FAISS looks through all pieces in 8 bits, which takes a third of the time of 16; whatever it finds near is
then compared exactly. Videos are replaced whole, because an edit touches few of their pieces or all of
them. Not for several threads at once.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import faiss
import numpy as np
import tantivy

from joblynk.providers.types import Vectors
from videos.pieces import ChapterText, Kind

if TYPE_CHECKING:
    from videos.catalogue import IndexedPiece, IndexedVideo

_NEAREST = 80  # pieces looked at by meaning, enough for some dozens of videos
_WORDED = 40  # pieces looked at by words
_STEPS = 400.0  # of a coordinate, in 8 bits: those of an encoder of hundreds stay far below 127 / 400
_ENGLISH = "english"
_CODE = re.compile(r"\d{3,8}")
_WRITER_BYTES = 15_000_000  # the least that tantivy takes
_STOP_WORDS = """
    a about after again all also am an and ani any are as at be becaus because been befor before being
    but by can could did do doe does doing don done for from get go got had has hav have having he hello
    help her here hi him his how i if in into is it its itself just know let like ll look made make may
    me might mine more my need no nor not now of off on onc once one onli only or other our out over own
    pleas please possibl possible put re s same see shall she should show so some such t tell than thank
    thanks that the their them then there these they thing this those though through to too tri try under
    until up us use ve veri very video tutori tutorial want was watch way we were what when where which
    while who whom whose whi why will with work would you your yours"""
_STOP = frozenset(_STOP_WORDS.split())
"""Words that carry no meaning of their own in a question, as written and as stemmed."""


class IndexPiece(NamedTuple):
    """`cosine` of the question with the piece and `first` with its first sentence, the same where it has
    none; `words` the BM25 score as a share of the best one; `coded`: it holds a code of the question's."""

    kind: Kind
    start: float
    text: str
    cosine: float
    first: float
    words: float
    coded: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A video that may fit."""

    video_id: int
    pieces: tuple[IndexPiece, ...]
    chapters: tuple[ChapterText, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A video in memory. `vectors` and `firsts` are (pieces, dimension), zero where there is none."""

    pieces: "tuple[IndexedPiece, ...]"
    chapters: tuple[ChapterText, ...]
    vectors: Vectors
    firsts: Vectors


class VideoIndex:
    """Videos by id; vectors of another recipe than `recipe` are not compared."""

    def __init__(self, dimension: int, recipe: str) -> None:
        self.recipe = recipe
        self._dimension = dimension
        self._vectors = faiss.IndexIDMap2(
            faiss.IndexScalarQuantizer(
                dimension, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
            )
        )
        self._words = _Words()
        self._videos: dict[int, _Kept] = {}
        self._video_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._videos)

    def update(self, changed: "Sequence[IndexedVideo]", removed: Iterable[int] = ()) -> None:
        """Drop `removed`, then put `changed`."""
        stale = {*removed, *(video.video_id for video in changed)} & self._videos.keys()
        gone = [piece.piece_id for pk in stale for piece in self._videos.pop(pk).pieces]
        if gone:
            self._vectors.remove_ids(faiss.IDSelectorBatch(np.array(gone, np.int64)))
        for piece_id in gone:
            del self._video_of[piece_id]
        for video in changed:
            self._keep(video)
        said = ((piece.piece_id, piece.text) for video in changed for piece in video.pieces)
        self._words.update(said, gone)

    def candidates(self, vector: Vectors, text: str, count: int) -> list[Candidate]:
        """The `count` best of the videos with the nearest pieces or the best words. `vector`: float32
        (dimension,) of length 1."""
        terms = [term for term in dict.fromkeys(self._words.terms(text)) if term not in _STOP]
        words = self._words.search(terms, _WORDED)
        codes = {term for term in terms if _CODE.fullmatch(term)}
        coded = set(self._words.search(sorted(codes), _WORDED)) if codes else set()
        videos = [*self._videos_of(self._nearest(vector), count), *self._videos_of(words, count)]
        with_code = set(self._videos_of(coded, count))
        cosines = {pk: self._videos[pk].vectors @ vector for pk in (*videos, *with_code)}
        best = sorted(cosines, key=lambda pk: (pk not in with_code, -cosines[pk].max(initial=-1.0)))[:count]
        return [self._candidate(pk, vector, cosines[pk], words, coded) for pk in best]

    def _videos_of(self, pieces: Iterable[int], count: int) -> list[int]:
        """The first `count` videos that these pieces, best first, belong to."""
        return list(islice(dict.fromkeys(self._video_of[pk] for pk in pieces), count))

    def _candidate(
        self, video_id: int, vector: Vectors, cosines: Vectors, words: dict[int, float], coded: set[int]
    ) -> Candidate:
        kept = self._videos[video_id]
        best = max(words.values(), default=1.0)
        scores = zip(kept.pieces, cosines.tolist(), (kept.firsts @ vector).tolist(), strict=True)
        pieces = tuple(
            IndexPiece(
                piece.kind,
                piece.start,
                piece.text,
                cosine,
                first,
                words.get(piece.piece_id, 0.0) / best,
                piece.piece_id in coded,
            )
            for piece, cosine, first in scores
        )
        return Candidate(video_id, pieces, kept.chapters)

    def _keep(self, video: "IndexedVideo") -> None:
        size = self._dimension
        vectors, firsts = np.zeros((2, len(video.pieces), size), np.float32)
        embedded = []
        for row, piece in enumerate(video.pieces):
            if video.recipe == self.recipe and piece.vector is not None and len(piece.vector) >= size:
                vectors[row], firsts[row] = piece.vector[:size], piece.vector[-size:]
                embedded.append(row)
        ids = np.array([piece.piece_id for piece in video.pieces], np.int64)
        if embedded:
            self._vectors.add_with_ids(np.rint(vectors[embedded] * _STEPS).clip(-128, 127), ids[embedded])
        self._video_of.update((piece.piece_id, video.video_id) for piece in video.pieces)
        pieces = tuple(piece._replace(vector=None) for piece in video.pieces)
        self._videos[video.video_id] = _Kept(pieces, video.chapters, vectors, firsts)

    def _nearest(self, vector: Vectors) -> list[int]:
        # OpenMP keeps this per thread; more of them would only wait for each other.
        faiss.omp_set_num_threads(1)
        _, ids = self._vectors.search(vector[np.newaxis], min(_NEAREST, max(self._vectors.ntotal, 1)))
        return [pk for pk in ids[0].tolist() if pk >= 0]


class _Words:
    """BM25 over stemmed English words, by piece id."""

    def __init__(self) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field("piece", indexed=True, fast=True)
        builder.add_text_field("text", tokenizer_name=_ENGLISH, index_option="freq")
        self._schema = builder.build()
        self._analyzer = (
            tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
            .filter(tantivy.Filter.remove_long(64))
            .filter(tantivy.Filter.lowercase())
            .filter(tantivy.Filter.ascii_fold())
            .filter(tantivy.Filter.stemmer("english"))
            .build()
        )
        self._index = tantivy.Index(self._schema)
        self._index.register_tokenizer(_ENGLISH, self._analyzer)
        self._writer = self._index.writer(_WRITER_BYTES, 1)
        self._searcher = self._index.searcher()

    def update(self, added: Iterable[tuple[int, str]], removed: list[int]) -> None:
        if removed:
            self._writer.delete_documents_by_query(
                tantivy.Query.term_set_query(self._schema, "piece", removed)
            )
        for piece_id, text in added:
            document = tantivy.Document()
            document.add_unsigned("piece", piece_id)
            document.add_text("text", text)
            self._writer.add_document(document)
        self._writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()

    def terms(self, text: str) -> list[str]:
        """The words of `text` as they are compared: lower case, no accents, stemmed."""
        return self._analyzer.analyze(text)

    def search(self, terms: Sequence[str], count: int) -> dict[int, float]:
        """Piece ids with their scores, best first."""
        if not terms:
            return {}
        query = tantivy.Query.boolean_query(
            [(tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "text", t, "freq")) for t in terms]
        )
        hits = self._searcher.search(query, count, count=False).hits
        ids = self._searcher.fast_field_values("piece", [address for _, address in hits])
        return {int(pk): float(score) for pk, (score, _) in zip(ids, hits, strict=True) if pk is not None}
