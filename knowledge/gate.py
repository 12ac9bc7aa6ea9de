"""Does the knowledge base answer this question, or does it only speak of the same things?

Similarity alone cannot tell: a near miss stands as close as an answer. So the decision weighs, besides
the best score, which words of the question no passage holds and how much of it one passage holds in its
own order. Two experts judge, because they look for different things: one whether a passage answers, one
whether a FAQ is asked. The surer one speaks. Pure: no model, no database.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Protocol, Self

READ = 5
"""Passages whose words are looked at."""
_BM25_CEILING = 2.2  # k1 + 1: the most that a term's score can be, in units of its rarity
_STOP_WORDS = """
    a about above after again all also am an and ani any are as at be becaus because befor before been
    being below between both but by can could did do doe does doing don down dure during each els else ever
    few for from further get got had has hav have having he hello help her here hers hi him his how i if in
    into is it it it's its itself just know like ll look mai make may me might mine more most my need no nor
    not now of off on onc once one onli only or other our out over own pleas please re s same shall she
    should so some such t tell than thank thanks that the their them then there these thei they thi thing
    this those though through to too under until up us v ve veri very want wa was way we were what when
    where which while who whom whose whi why will with would you your yours"""
"""As written and as stemmed."""
_STOP = frozenset(_STOP_WORDS.split())


class Words(Protocol):
    """What is known of words: a `WordIndex`."""

    def terms(self, text: str) -> list[str]: ...
    def rarity(self, term: str) -> float: ...
    def unknown_codes(self, text: str) -> set[str]: ...


@dataclass(frozen=True, slots=True)
class Question:
    """`terms` in their order; `content` those that carry meaning, with their rarity."""

    terms: tuple[str, ...]
    content: dict[str, float]
    ceiling: float
    """The highest BM25 score there could be."""
    rarest: float
    """The rarity of a word that stands nowhere."""
    unknown_code: bool

    @classmethod
    def read(cls, text: str, words: Words) -> Self:
        terms = tuple(dict.fromkeys(words.terms(text)))
        rarity = {term: words.rarity(term) for term in terms}
        content = {term: rarity[term] for term in terms if term not in _STOP} or rarity
        return cls(
            terms,
            content,
            _BM25_CEILING * sum(rarity.values()),
            words.rarity("\0"),
            bool(words.unknown_codes(text)),
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """A live passage, best first. `score` is what it was ranked by; `cosine`, `lexical` and `phrasing`
    are a `Candidate`'s; `part` is the cosine of its nearest sentence; `terms` are the analysed words of
    title, heading and text, empty from place `READ` on."""

    is_faq: bool
    score: float
    cosine: float
    part: float
    lexical: float
    phrasing: float
    coded: bool
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassageSigns:
    """What speaks for an answer in a passage. All between about 0 and 1."""

    score: float = 0.0
    """Cosine and words as ranked."""
    lead: float = 0.0
    """The best score above the second."""
    words: float = 0.0
    """The best BM25 score as a share of what the question's words can bring."""
    pairs: float = 0.0
    """Neighbouring words of the question that stand so in one passage, as a share."""
    held: float = 0.0
    """The question's content that the best passage holds, weighted by rarity."""
    missing: float = 0.0
    """The rarest word of the question that none of the first three passages holds."""
    unknown: float = 0.0
    """Content that stands nowhere in the knowledge base, weighted by rarity."""


@dataclass(frozen=True, slots=True)
class FaqSigns:
    """What speaks for a FAQ being asked."""

    phrasing: float = 0.0
    """Cosine of the nearest way to ask."""
    lead: float = 0.0
    """That above the next FAQ's."""
    answer: float = 0.0
    """Cosine of question and answer together."""


@dataclass(frozen=True, slots=True)
class Verdict:
    confidence: float
    answerable: bool
    verbatim: int | None
    """The place of the FAQ to be given word for word."""


_PASSAGE_WEIGHTS = PassageSigns(score=10.0)
_PASSAGE_BIAS = -4.0
_FAQ_WEIGHTS = FaqSigns(phrasing=10.0)
_FAQ_BIAS = -6.0
THRESHOLD = 0.5
VERBATIM_PHRASING = 0.85
VERBATIM_LEAD = 0.05


def decide(question: Question, hits: Sequence[Hit]) -> Verdict:
    """`hits` best first. No hit, no answer."""
    passage = _probability(passage_signs(question, hits), _PASSAGE_WEIGHTS, _PASSAGE_BIAS)
    faq = _probability(faq_signs(hits), _FAQ_WEIGHTS, _FAQ_BIAS)
    confidence = max(passage, faq)
    if not hits or question.unknown_code:
        confidence = 0.0
    elif hits[0].coded:
        confidence = max(confidence, THRESHOLD)
    return Verdict(confidence, confidence >= THRESHOLD, _verbatim(hits) if confidence else None)


def passage_signs(question: Question, hits: Sequence[Hit]) -> PassageSigns:
    """The signs in the passages of documents; of FAQs too, whose answers are passages."""
    if not hits or not question.content:
        return PassageSigns()
    judged = hits[:READ]
    total = sum(question.content.values()) or 1.0
    seen = set().union(*(hit.terms for hit in hits[:3]))
    pairs = [pair for pair in pairwise(question.terms) if not _STOP.issuperset(pair)]
    return PassageSigns(
        score=hits[0].score,
        lead=hits[0].score - hits[1].score if len(hits) > 1 else hits[0].score,
        words=max(hit.lexical for hit in hits) / max(question.ceiling, 1.0),
        pairs=max(_share(pairs, set(pairwise(hit.terms))) for hit in judged),
        held=max(sum(r for term, r in question.content.items() if term in hit.terms) for hit in judged)
        / total,
        missing=max((r for term, r in question.content.items() if term not in seen), default=0.0)
        / question.rarest,
        unknown=sum(r for r in question.content.values() if r >= question.rarest) / total,
    )


def faq_signs(hits: Sequence[Hit]) -> FaqSigns:
    """The signs that one FAQ is asked."""
    faqs = sorted((hit for hit in hits if hit.phrasing), key=lambda hit: hit.phrasing, reverse=True)
    if not faqs:
        return FaqSigns()
    second = faqs[1].phrasing if len(faqs) > 1 else 0.0
    return FaqSigns(faqs[0].phrasing, faqs[0].phrasing - second, faqs[0].cosine)


def _verbatim(hits: Sequence[Hit]) -> int | None:
    """Only a FAQ that was found first, is asked in nearly these words, and has no rival."""
    sure = (
        hits[0].is_faq
        and hits[0].phrasing >= VERBATIM_PHRASING
        and faq_signs(hits).lead >= VERBATIM_LEAD
        and hits[0].phrasing == max(hit.phrasing for hit in hits)
    )
    return 0 if sure else None


def _probability(signs: PassageSigns | FaqSigns, weights: PassageSigns | FaqSigns, bias: float) -> float:
    evidence = bias + sum(w * s for w, s in zip(astuple(weights), astuple(signs), strict=True))
    return 1.0 / (1.0 + math.exp(-evidence))


def _share(wanted: Sequence[tuple[str, str]], present: Collection[tuple[str, str]]) -> float:
    return sum(pair in present for pair in wanted) / len(wanted) if wanted else 0.0
