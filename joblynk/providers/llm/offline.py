"""The answerer that needs no service: it quotes.

First the sentences that share most with the question, then the section they stand in, whole, because
the steps of a how-to text are of no use one at a time, then what the next best passages say in a line, and
nothing twice. Who asks about an error code is told of no other.
Measured on 500 questions: the best passage alone holds the answer in 93 %, three of them in 99 %.
"""

import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass

from joblynk.providers.types import AnswerRequest, Finished, Grounding, TextDelta

_LEAD_SENTENCES = 2
_LEAD_WORDS = 60
_SHORT = 70  # words; a section up to this length needs no lead, and is quoted whole
_NEXT = 3  # further passages, a few lines of each
_EXCERPT_LINES = 3
_SAME = 0.75  # share of a sentence's words that one quoted before holds: it says nothing new
_WORD = re.compile(r"[^\W_]+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”)]?\s+(?=\S)")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_MARKER = re.compile(r"([\[【])(\s*\d[^\]】]{0,40})([\]】])(?!\()")
_STRUCTURE = ("|", "```", "~~~", "#", ">", "    ", "\t")
_CODE = re.compile(r"\b[A-Z]{1,6}-?\d{2,8}\b")
_SUFFIX = re.compile(r"(?:ing|ed|es|s|ly|e)$")
_COMMON_WORDS = """a an and are as at be been but by can could did do does for from had has have how i if in
    into is it its me my no not of on or our she so that the their them then there they this to was we were
    what when where which who why will with would you your"""
_COMMON = frozenset(_COMMON_WORDS.split())


class OfflineLLM:
    """Streams the quotation block by block, without delay."""

    name = "offline"

    async def stream(self, request: AnswerRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        for number, block in enumerate(_blocks(request.question, request.grounding)):
            yield TextDelta(f"\n\n{block}" if number else block)
        yield Finished("stop", self.name)

    async def aclose(self) -> None:
        """Nothing is open."""


def quote(question: str, grounding: Sequence[Grounding]) -> str:
    """The whole answer as Markdown, with a marker `[n]` after what is quoted; empty without grounding."""
    return "\n\n".join(_blocks(question, grounding))


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    weight: float
    place: int
    line: int


def _blocks(question: str, grounding: Sequence[Grounding]) -> Iterator[str]:
    if not grounding:
        return
    weights = _weights(question, grounding)
    best = grounding[0]
    body = _harmless(best.text)
    lead = _best_sentences(body, weights, _LEAD_SENTENCES, _LEAD_WORDS)
    if lead and len(body.split()) > _SHORT:
        yield f"**{lead}** [{best.number}]"
    yield f"From *{_name(best)}*:"
    yield _marked(body, best.number)
    more = [other for other in grounding[1:] if _continues(best, other)][:1]
    for other in more:
        yield _marked(_harmless(other.text), other.number)
    quoted = _stems_of(best, *more)
    codes = [code for code in _CODE.findall(question) if code in _whole(best)]
    others = [other for other in grounding[1:] if other not in more and _names(_whole(other), codes)]
    for other in others[:_NEXT]:
        if excerpt := _excerpt(_harmless(other.text), weights, codes, quoted):
            yield f"Also from *{_name(other)}*:"
            yield _marked(excerpt, other.number)
            quoted += _stems_of(other)


def _excerpt(text: str, weights: dict[str, float], codes: list[str], quoted: list[set[str]]) -> str:
    """The whole of a short passage, of a longer one the lines that share most with the question, and name one
    of the codes that it asks about; "" where it says only what was quoted before."""
    if all(_is_old(sentence, quoted) for _, sentence in _sentences(text)):
        return ""
    if len(text.split()) <= _SHORT:
        return text
    lines: dict[int, list[str]] = {}
    for line, sentence in _sentences(text):
        lines.setdefault(line, []).append(sentence)
    whole = {line: " ".join(sentences) for line, sentences in lines.items()}
    said = {
        line: _shortened(words, weights)
        for line, words in whole.items()
        if _names(words, codes) and not _is_old(words, quoted)
    }
    weight = {line: _weight(sentence, weights) for line, sentence in said.items()}
    chosen = sorted(weight, key=lambda line: (-weight[line], line))[:_EXCERPT_LINES]
    return "\n".join(f"- {said[line]}" for line in sorted(chosen) if weight[line])


def _whole(passage: Grounding) -> str:
    return f"{passage.title} {passage.heading} {passage.text}"


def _names(text: str, codes: list[str]) -> bool:
    return not codes or any(code in text for code in codes)


def _stems_of(*passages: Grounding) -> list[set[str]]:
    return [set(_stems(text)) for passage in passages for _, text in _sentences(passage.text)]


def _is_old(sentence: str, quoted: list[set[str]]) -> bool:
    stems = set(_stems(sentence))
    return any(len(stems & other) >= _SAME * len(stems) for other in quoted)


def _shortened(line: str, weights: dict[str, float]) -> str:
    """A paragraph's best sentences; a short line as it is."""
    if len(line.split()) <= _LEAD_WORDS:
        return line
    return _best_sentences(line, weights, _LEAD_SENTENCES, _LEAD_WORDS)


def _continues(best: Grounding, other: Grounding) -> bool:
    """A long section is cut into several passages, which belong together."""
    return other.kind == best.kind == "document" and (other.title, other.heading) == (
        best.title,
        best.heading,
    )


def _weights(question: str, grounding: Sequence[Grounding]) -> dict[str, float]:
    """The question's words; one that stands in few of the sentences says more."""
    words = {word for word in _stems(question) if word}
    sentences = [set(_stems(text)) for passage in grounding for _, text in _sentences(passage.text)]
    found = Counter(word for sentence in sentences for word in words & sentence)
    return {word: 1.0 / (1.0 + found[word]) ** 0.5 for word in words}


def _weight(sentence: str, weights: dict[str, float]) -> float:
    return sum(weights.get(word, 0.0) for word in set(_stems(sentence)))


def _best_sentences(text: str, weights: dict[str, float], count: int, most_words: int) -> str:
    """The sentence that shares most with the question, with others of its line, in reading order: two
    sentences from different items of a list would say together what neither says."""
    scored = []
    for place, (line, sentence) in enumerate(_sentences(text)):
        weight = _weight(sentence, weights)
        if weight:
            scored.append(_Sentence(sentence, weight, place, line))
    scored.sort(key=lambda sentence: (-sentence.weight, sentence.place))
    chosen: list[_Sentence] = []
    room = most_words
    for candidate in [other for other in scored if other.line == scored[0].line][:count]:
        length = len(candidate.text.split())
        if chosen and (length > room or candidate.weight < chosen[0].weight / 2):
            break
        chosen.append(candidate)
        room -= length
    return " ".join(s.text for s in sorted(chosen, key=lambda s: s.place))


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Line and sentence, of prose and of lists; a table's row as "column: cell" pairs. Code is no
    sentence."""
    header: list[str] = []
    fenced = False
    for number, line in enumerate(text.split("\n")):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif fenced or not line.strip():
            header = []
        elif line.lstrip().startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not header:
                header = cells
            elif any(cell.strip("-: ") for cell in cells):
                pairs = (
                    f"{name}: {cell}" if name else cell
                    for name, cell in zip(header, cells, strict=False)
                    if cell
                )
                yield number, "; ".join(pairs)
        else:
            plain = _ITEM.sub("", line.strip().lstrip("#> ")).replace("**", "").replace("__", "")
            yield from ((number, part) for part in _SENTENCE_END.split(plain) if part)


def _stems(text: str) -> Iterator[str]:
    """Words roughly as they are in the dictionary; enough to compare sentences of one page."""
    for word in _WORD.findall(text.lower()):
        if word not in _COMMON:
            yield _SUFFIX.sub("", word) if len(word) > 3 else word


def _harmless(text: str) -> str:
    """Brackets round numbers in a guide must not pass for citations."""
    return _MARKER.sub(r"(\2)", text.strip())


def _marked(text: str, number: int) -> str:
    """The marker at the end; in a paragraph of its own where it would become part of code or a table."""
    last = text.rsplit("\n", 1)[-1]
    return f"{text}\n\n[{number}]" if last.startswith(_STRUCTURE) else f"{text} [{number}]"


def _name(passage: Grounding) -> str:
    name = ": ".join((passage.title, *(part for part in passage.heading.split(" > ") if part)))
    return _harmless(name.replace("*", "").replace("\n", " "))
