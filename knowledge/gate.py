"""Does the knowledge base answer this question, or does it only speak of the same things?

Similarity alone cannot tell: a near miss stands as close as an answer. So the decision weighs, besides the
best score, the nearest single sentence, what BM25 makes of the question's words, how far the best passage
stands out from the rest, and above all whether the words of a passage come near in meaning to each of the
question's. Pure: no model, no database.

The weights are a logistic regression fitted on sets of questions of four kinds (an encyclopaedia, help
pages, course FAQs, short FAQs) and on 154 of our own about the demo articles; kinds weigh as the root of
their size, the answerable as much as the others. To learn near misses it also saw each answerable question
once more with its answer taken out, at 0.08 of its weight: more refuses better where an answer was taken
out and worse the rest. The bias then went up by 0.54, where macro F1 is best on those sets while the demo's
own questions keep their bounds. AUROC 0.93, macro F1 0.85; on a kind left out 0.91 and 0.83, where an answer
was taken out 0.79 (0.68 to 0.98 by kind). Of 64 questions about the demo articles, near misses all that have
no answer, no weight was fitted on: 0.86, with 27 of 32 answered and 22 of 32 refused, which the bias had to
keep. All belong to the packaged encoder in 8 bits. Thirty other signs (words without a match, the rarest
word's, the rankings agreeing, the lead over the first five, the words of all passages together, what only
the first holds) and boosted trees in place of the line brought nothing to kinds left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

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
STOP = frozenset(_STOP_WORDS.split())


class Words(Protocol):
    """What is known of words: a `WordIndex`."""

    def terms(self, text: str) -> list[str]: ...
    def rarity(self, term: str) -> float: ...
    def unknown_codes(self, text: str) -> set[str]: ...


@dataclass(frozen=True, slots=True)
class Question:
    """`content` are the words that carry meaning, with their rarity; `ceiling` is the highest BM25 score
    there could be; `unknown_code`: it names a code that is missing among its kind; `weights`: the rarity of
    each word as it stands in the question, 0 for those that carry no meaning."""

    content: dict[str, float]
    ceiling: float
    unknown_code: bool
    weights: tuple[float, ...] = ()

    @classmethod
    def read(cls, text: str, words: Words, spelt: Sequence[str] = ()) -> Self:
        rarity = {term: words.rarity(term) for term in words.terms(text)}
        content = {term: rare for term, rare in rarity.items() if term not in STOP} or rarity
        weights = tuple(sum(content.get(term, 0.0) for term in words.terms(word)) for word in spelt)
        return cls(content, _BM25_CEILING * sum(rarity.values()), bool(words.unknown_codes(text)), weights)

    def meant(self, matches: Sequence[float]) -> float:
        """How near in meaning the words of a passage come to the content, weighted by rarity; `matches` are
        a `Hit`'s. 0 where that is not known."""
        total = sum(self.weights) if matches else 0.0
        if not total:
            return 0.0
        return sum(w * m for w, m in zip(self.weights, matches, strict=True)) / total


class Hit(NamedTuple):
    """A live passage, best first. `score` is what it was ranked by; `cosine`, `lexical` and `phrasing`
    are a `Candidate`'s; `part` is the cosine of its nearest sentence; `terms` are the analysed words of
    title, heading and text, empty from place `READ` on and where `matches` are known."""

    score: float
    cosine: float
    part: float
    lexical: float
    phrasing: float
    coded: bool
    terms: tuple[str, ...]
    matches: tuple[float, ...] = ()
    """For each word of the question how near in meaning a word of the passage comes, where that is known."""


class Signs(NamedTuple):
    """What speaks for an answer, all but `length` between 0 and about 1; or their weights."""

    score: float
    """Of the best passage, as ranked."""
    sentence: float
    """Cosine of its nearest sentence."""
    words: float
    """The best BM25 score as a share of what the question's words could bring."""
    held: float
    """The question's content that one of the first passages holds, weighted by rarity."""
    lead: float
    """The best score above the second."""
    faq_lead: float
    """The nearest way to ask a FAQ above the next FAQ's."""
    length: float
    """log(1 + words of content): a long question says less of itself in each word."""
    meant: float
    """How near in meaning the words of one of the first passages come to the question's content."""


class Verdict(NamedTuple):
    confidence: float
    answerable: bool
    verbatim: int | None
    """The place of the FAQ to be given word for word."""


_WEIGHTS = Signs(
    score=5.85, sentence=0.745, words=2.059, held=0.0, lead=5.209, faq_lead=-1.124, length=0.79, meant=4.428
)
_BIAS = -8.19
# For passages of an encoder that does not tell what their words mean.
_WORDLESS = Signs(
    score=2.656, sentence=2.739, words=1.653, held=1.124, lead=3.807, faq_lead=0.353, length=0.323, meant=0.0
)
_WORDLESS_BIAS = -3.955
THRESHOLD = 0.5
VERBATIM_PHRASING = 0.85
VERBATIM_LEAD = 0.03


def decide(question: Question, hits: Sequence[Hit]) -> Verdict:
    """`hits` best first. A code of the question's that is found is an answer, one that is missing among
    its kind is none, whatever else is near."""
    if not hits or question.unknown_code:
        return Verdict(0.0, False, None)
    found = signs(question, hits)
    weights, bias = (_WEIGHTS, _BIAS) if found.meant else (_WORDLESS, _WORDLESS_BIAS)
    evidence = bias + sum(w * s for w, s in zip(weights, found, strict=True))
    confidence = 1.0 / (1.0 + math.exp(-evidence))
    if hits[0].coded:
        confidence = max(confidence, THRESHOLD)
    return Verdict(confidence, confidence >= THRESHOLD, _verbatim(hits))


def signs(question: Question, hits: Sequence[Hit]) -> Signs:
    """`hits` best first, at least one."""
    total = sum(question.content.values()) or 1.0
    return Signs(
        score=hits[0].score,
        sentence=hits[0].part,
        words=max(hit.lexical for hit in hits) / max(question.ceiling, 1.0),
        held=max(sum(r for term, r in question.content.items() if term in hit.terms) for hit in hits[:READ])
        / total,
        lead=hits[0].score - hits[1].score if len(hits) > 1 else hits[0].score,
        faq_lead=_faq_lead(hits),
        length=math.log1p(len(question.content)),
        meant=max(question.meant(hit.matches) for hit in hits[:READ]),
    )


def _faq_lead(hits: Sequence[Hit]) -> float:
    first, second = sorted((0.0, 0.0, *(hit.phrasing for hit in hits)), reverse=True)[:2]
    return first - second


def _verbatim(hits: Sequence[Hit]) -> int | None:
    """The place of a FAQ that was found first, is asked in nearly these words, and has no rival."""
    sure = hits[0].phrasing >= VERBATIM_PHRASING and _faq_lead(hits) >= VERBATIM_LEAD
    return 0 if sure and hits[0].phrasing == max(hit.phrasing for hit in hits) else None
