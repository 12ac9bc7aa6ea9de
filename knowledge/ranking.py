"""From candidates to findings: fuse the rankings, take live words, ask the gate. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nlargest
from typing import Literal, NamedTuple, Protocol

from joblynk.providers.types import Embedder, Vectors
from knowledge import gate, parts, spelling
from knowledge.chunking import embed_text
from knowledge.index import Candidate, PassageIndex
from knowledge.words import WordHits, WordIndex

CANDIDATES = 50
"""By meaning and by words each."""
_MEANING, _WORDS = 0.8, 0.2
_FLOOR = 0.2  # words count for something even where nothing is near in meaning
_CODED = 1.0  # a code names its section exactly: above everything else
_MEANT = 0.15
"""What the meaning of single words weighs among the first few, which it puts in order. From 0.1 to 0.3 of
1,000 questions 8 to 10 more find their passage first; with a say in which are the first few, it costs 1 to
5 their place among them."""


class Live(Protocol):
    """A passage as it stands in the database now."""

    @property
    def kind(self) -> Literal["document", "faq"]: ...
    @property
    def source_id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def heading(self) -> str: ...
    @property
    def page(self) -> int | None: ...
    @property
    def text(self) -> str: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def vector(self) -> bytes: ...
    @property
    def ocr(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Passage:
    """`cosine` and `lexical` are what the two rankings said, `score` what became of them; `ocr` says that it
    was read from a picture, so letters may be wrong."""

    chunk_id: int
    kind: Literal["document", "faq"]
    source_id: int
    title: str
    heading: str
    page: int | None
    text: str
    updated_at: datetime
    score: float
    cosine: float
    lexical: float
    ocr: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """`passages` best first; `confidence` from 0 to 1; `answerable` the calibrated decision; `verbatim`
    a FAQ whose answer may be given word for word; `vector` the question's, float32 (dimension,) of length
    1, with the name of the `embedder` that made it, so that whoever else looks for it need not embed it."""

    passages: tuple[Passage, ...] = ()
    confidence: float = 0.0
    answerable: bool = False
    verbatim: Passage | None = None
    vector: Vectors | None = field(default=None, compare=False, repr=False)
    embedder: str = field(default="", compare=False)


class Ranked(NamedTuple):
    """`part` is the cosine of the nearest sentence, once it has been looked at, before that 0; `matches` are
    a `gate.Hit`'s, of the first few."""

    candidate: Candidate
    score: float
    part: float = 0.0
    matches: tuple[float, ...] = ()


def corrected(text: str, words: WordIndex, embedder: Embedder) -> str:
    """The question as it was meant, where a word of it is a slip away from one of the base's."""
    return spelling.repair(
        text, words.uses, lambda word: words.holds(word) or embedder.count_tokens(word) == 1
    )


def look_up(text: str, words: WordIndex) -> WordHits:
    """What is found by words alone, without the encoder."""
    return words.search(text, CANDIDATES)


def rank(index: PassageIndex, vector: Vectors, worded: WordHits, count: int) -> list[Ranked]:
    """The `count` best of the candidates; `worded` by `look_up`. Cosines are comparable between questions,
    BM25 scores are not: they enter as a share of the best one, and weigh as much as the best cosine lets
    them."""
    candidates = index.candidates(vector, worded, CANDIDATES)
    if not candidates:
        return []
    nearest = max(max(c.cosine, c.asked) for c in candidates)
    lexical = _WORDS * max(nearest, _FLOOR) / (max(c.lexical for c in candidates) or 1.0)
    scored = (
        (_MEANING * max(c.cosine, c.asked) + lexical * c.lexical + _CODED * c.coded, -c.chunk_id, c)
        for c in candidates
    )
    return [Ranked(candidate, score) for score, _, candidate in nlargest(count, scored)]


def judge(
    words: WordIndex,
    text: str,
    meaning: parts.Meaning,
    ranked: Sequence[Ranked],
    live: Mapping[int, Live],
    limit: int,
) -> Findings:
    """Findings from those of `ranked` that are `live`, by chunk id, put in order by their sentences, and the
    first few by their words."""
    question = gate.Question.read(text, words, meaning.words)
    found = [hit for hit in ranked if hit.candidate.chunk_id in live]
    rows = [live[hit.candidate.chunk_id] for hit in found]
    closer = _closer(found, [row.vector for row in rows], meaning.vector)
    alive = sorted(zip(closer, rows, strict=True), key=_order)
    first = [(_worded(hit, row.vector, question, meaning), row) for hit, row in alive[: gate.READ]]
    alive[: gate.READ] = sorted(first, key=_order)
    hits = [_hit(words, hit, passage, place) for place, (hit, passage) in enumerate(alive)]
    verdict = gate.decide(question, hits)
    return Findings(
        tuple(_passage(hit, row) for hit, row in alive[:limit]),
        verdict.confidence,
        verdict.answerable,
        None if verdict.verbatim is None else _passage(*alive[verdict.verbatim]),
    )


def _closer(hits: Sequence[Ranked], stored: Sequence[bytes], vector: Vectors) -> Iterator[Ranked]:
    """The hits with their exact cosines, and each meaning halfway between the whole and its nearest
    sentence."""
    for hit, (whole, part) in zip(hits, parts.nearest(stored, vector), strict=True):
        asked = hit.candidate.asked
        gain = max((whole + part) / 2, asked) - max(hit.candidate.cosine, asked)
        yield Ranked(hit.candidate._replace(cosine=whole), hit.score + _MEANING * gain, part)


def _worded(hit: Ranked, stored: bytes, question: gate.Question, meaning: parts.Meaning) -> Ranked:
    """The hit nearer by what its words mean, where that is known."""
    matches = parts.matches(stored, meaning)
    return hit._replace(score=hit.score + _MEANT * question.meant(matches), matches=matches)


def _order(pair: tuple[Ranked, Live]) -> tuple[float, int]:
    """Best first."""
    return -pair[0].score, pair[0].candidate.chunk_id


def _hit(words: WordIndex, hit: Ranked, passage: Live, place: int) -> gate.Hit:
    candidate = hit.candidate
    is_read = place < gate.READ and not hit.matches
    text = embed_text(passage.title, passage.heading, passage.text) if is_read else ""
    return gate.Hit(
        hit.score - _CODED * candidate.coded,
        candidate.cosine,
        hit.part,
        candidate.lexical,
        candidate.phrasing,
        candidate.coded,
        tuple(words.terms(text)),
        hit.matches,
    )


def _passage(hit: Ranked, row: Live) -> Passage:
    return Passage(
        hit.candidate.chunk_id,
        row.kind,
        row.source_id,
        row.title,
        row.heading,
        row.page,
        row.text,
        row.updated_at,
        hit.score,
        hit.candidate.cosine,
        hit.candidate.lexical,
        row.ocr,
    )
