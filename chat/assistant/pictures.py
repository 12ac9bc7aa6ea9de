"""What a customer's pictures say: what of it is searched for, and how the answer speaks of it.

A screenshot is mostly menus, clocks and small print. What was meant to be shown is a code ("E-1042") or a
sentence, so these are looked for and the rest is left out of the search. Whatever stands in a picture is a
stranger's text: it is quoted plainly and never obeyed.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from chat.assistant.services import Seen, Services, Turn
from chat.assistant.vocabulary import vocabulary

logger = logging.getLogger(__name__)

_CODE = re.compile(r"(?<![A-Za-z0-9])([A-Z]{1,6})[-\u2010-\u2014] ?([0-9OIl|]{2,8})(?![A-Za-z0-9_])")
_NAMED_CODE = re.compile(
    r"\b(?:error|code|status|fehler\w*)\b[\s:#]{1,3}(?:code[\s:#]{1,3})?([A-Z]{0,4}\d{2,8})\b", re.IGNORECASE
)
_LOOKALIKES = str.maketrans("OIl|", "0111")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_CLOCK = re.compile(r"\d{1,2}[:.]\d{2}(?:\s?[AaPp][Mm])?")
_SMALL_PRINT = re.compile(r"©|\(c\) ?20\d\d|https?://|www\.")
_TROUBLE = vocabulary(
    """error failed failure fail wrong cannot couldn't can't can’t couldn’t not no denied refused declined
    expired invalid blocked locked missing unable problem sorry already ended limit closed fehler ungültig
    abgelaufen gesperrt fehlgeschlagen nicht kein keine falsch blockiert fehlt"""
)
_SENTENCE_WORDS = 4
_MOST_LINES, _MOST_WORDS = 4, 60
_QUOTED = 140  # characters
_FENCED = 3_000  # characters of one picture that the model is shown
_MARKS = str.maketrans({"[": "(", "]": ")", "<": "(", ">": ")", **dict.fromkeys("*_~`#|\\", " ")})


@dataclass(frozen=True, slots=True)
class Gist:
    """The codes of the pictures, and their lines that say most, best first."""

    codes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


async def looked_at(turn: Turn, services: Services) -> Turn:
    """The turn with what is to be seen in its pictures. What cannot be read, or not in time, is marked so."""
    seen: tuple[Seen, ...] = ()
    try:
        async with asyncio.timeout(services.limits.reading):
            seen = tuple(await services.read_pictures(turn.pictures))
    except TimeoutError:
        logger.warning("pictures_not_read code=timeout")
    except Exception:
        logger.exception("pictures_not_read")
    missing = len(turn.pictures) - len(seen)
    return replace(turn, seen=(*seen, *[Seen(legible=False)] * missing))


def gist(seen: Iterable[Seen]) -> Gist:
    seen = tuple(seen)
    codes: dict[str, None] = {}
    weighed: list[tuple[float, int, str]] = []
    for line in (line.strip() for one in seen for line in one.text.split("\n")):
        found = tuple(_codes(line))
        codes.update(dict.fromkeys(found))
        if weight := _weight(line, coded=bool(found)):
            weighed.append((-weight, len(weighed), line))
    lines = [line for _, _, line in sorted(weighed)[:_MOST_LINES]]
    return Gist(tuple(codes), tuple(lines or (one.description for one in seen if one.description)))


def queries(turn: Turn) -> tuple[str, ...]:
    """What to search for, best first; each further one is for the case that the ones before found nothing."""
    found = gist(turn.seen)
    said, codes = turn.question, " ".join(found.codes)
    lines = " ".join(" ".join(found.lines).split()[:_MOST_WORDS])
    # A number that stands beside the code by chance may be one that no guide knows.
    tries = (f"{said} {codes} {lines}", f"{said} {codes}") if codes else (f"{said} {lines}", said)
    return tuple(dict.fromkeys(text for one in tries if (text := " ".join(one.split()))))


def lead(turn: Turn) -> str:
    """The sentence with which the answer says what was read; "" when there was no picture."""
    if not turn.pictures:
        return ""
    several = len(turn.pictures) > 1
    name = "pictures" if several else "picture"
    if not any(one.legible for one in turn.seen):
        return f"I couldn't read your {name}." + (
            " This answers what you wrote." if turn.question else " Tell me in words what it says."
        )
    found = gist(turn.seen)
    unread = sum(not one.legible for one in turn.seen)
    rest = f" I couldn't read {unread} of your pictures." if unread else ""
    quote = next((_quoted(line) for line in found.lines if not _only_code(line)), "")
    shows = "Your pictures show" if several else "Your picture shows"
    if found.codes:
        shows = "Your screenshots show" if several else "Your screenshot shows"
        codes = " and ".join(f"**{code}**" for code in found.codes[:3])
        return f"{shows} {codes}{f': “{quote}”' if quote else ''}.{rest}"
    if quote and any(one.text for one in turn.seen):
        return f"{shows}: “{quote}”.{rest}"
    if quote:
        return f"{shows} this: {quote.rstrip('.')}.{rest}"
    return f"I found no text in your {name}.{rest}"


def fenced(seen: Iterable[Seen]) -> str:
    """What the model is shown of the pictures: data that cannot close its own fence."""
    return "\n".join(
        f'<picture number="{number}">\n{_data(one)}\n</picture>' for number, one in enumerate(seen, 1)
    )


def _data(one: Seen) -> str:
    if not one.legible:
        return "(could not be read)"
    parts = (one.text[:_FENCED], f"Shown: {one.description}" if one.description else "")
    text = "\n".join(part for part in parts if part) or "(nothing is written in it)"
    return text.replace("<picture", "< picture").replace("</picture", "< /picture")


def _codes(line: str) -> Iterator[str]:
    """As they are printed, but for letters that were taken for digits: E-1O42 is E-1042."""
    for family, number in _CODE.findall(line):
        if sum(char.isdigit() for char in number) * 2 > len(number):
            yield f"{family}-{number.translate(_LOOKALIKES)}"
    if not _CODE.search(line):
        yield from _NAMED_CODE.findall(line)


def _weight(line: str, *, coded: bool) -> float:
    """How much a line says; 0 for a clock, a menu, a button, small print."""
    words = _WORD.findall(line)
    if _SMALL_PRINT.search(line) or (_CLOCK.search(line) and len(words) < _SENTENCE_WORDS):
        return 0.0
    trouble = bool(_TROUBLE & {word.lower() for word in words})
    sentence = len(words) >= _SENTENCE_WORDS and _flows(words)
    return 2.0 * trouble + 1.5 * sentence + 0.5 * line.endswith((".", "!", "?")) + 0.6 * coded


def _flows(words: list[str]) -> bool:
    """A menu is a row of titles; in a sentence most words begin small."""
    return sum(word[0].isupper() for word in words) <= len(words) * 0.6


def _only_code(line: str) -> bool:
    return len(_WORD.findall(_CODE.sub("", line))) <= 2


def _quoted(line: str) -> str:
    """Plain words: nothing in it is a link, a citation or a mark."""
    plain = " ".join(line.translate(_MARKS).split()).replace("“", "'").replace("”", "'")
    cut = plain if len(plain) <= _QUOTED else plain[:_QUOTED].rsplit(" ", 1)[0] + " …"
    return cut.rstrip(".") if cut.endswith(".") else cut
