"""No text makes a regular expression slow: a match over a stranger's text would hold up every customer."""

import importlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from chat.assistant import citations, followup, markdown, smalltalk
from joblynk.providers.web import cleaning
from joblynk.testing import chaos
from knowledge import spelling
from knowledge.formats import markdown as documents
from knowledge.formats.types import ExtractError

ROOT = Path(settings.BASE_DIR)
APPS = ("joblynk", "chat", "knowledge", "videos")
ASIDE = {"tests", "testing", "migrations", "management", "demo", "filming"}  # no stranger's text comes there
LENGTH, LONGEST = 100_000, 0.05  # characters, seconds
# In the short form a fifth of the text may take half the time: what takes the square is over it all the same.
SHARE, PATIENCE = chaos.of((1.0, 1.0), (0.2, 0.5))
ENDS = chaos.of(("", "\0"), ("\0",))
FRONT = {"match", "fullmatch"}
# What is only ever matched against less, and how much that is at most.
CAPPED = {
    "joblynk.providers.web.cleaning._EMAIL": 4_000,
    "videos.captions._TIMES": 500,
}
# What is only ever matched by a function that sees to it.
GUARDED = {"knowledge.formats.markdown._COMMENT": documents.without_comments}
UNITS = (
    *(
        "[",
        "(",
        "![",
        "<",
        "&#",
        "<!--",
        "<a",
        "](",
        "[1]",
        "[[1]",
        "[9]",
        "[a](b",
        "http://a",
        "a@",
        "a.",
        "//",
    ),
    *(
        "1,",
        "1.1",
        "1-1",
        "+1",
        "E-1",
        "A-",
        "_a_",
        "**_",
        "~~",
        "`",
        "|",
        "|-",
        "\\",
        '"',
        "'",
        "=",
        'class="cite"',
    ),
    *(" ", "  ", "\t", "\n", "\n\n", " \n", "- ", "# ", "1. ", "> ", "---\n", ". ", "?!", "a ", "0:", "00:0"),
    *("a", "A", "0", "é", "\u0301", "\u200b", "😀", "【1", "-->", "-", "no ", "x1", "%", "a\n", "<a x"),
)


def patterns() -> Iterator[tuple[str, re.Pattern[Any], bool]]:
    """(where it stands, the pattern, whether it is only ever matched from the front of a text) of every one
    that a module of ours has compiled."""
    seen: set[int] = set()
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            source = path.read_text(encoding="utf-8")
            if ASIDE & set(parts) or "re.compile" not in source:
                continue
            module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
            for name, value in vars(module).items():
                uses = set(re.findall(rf"\b{name}\b\.?(\w*)", source)) - {""}
                for one in value if isinstance(value, tuple | list) else (value,):
                    if isinstance(one, re.Pattern) and id(one) not in seen:
                        seen.add(id(one))
                        yield f"{module.__name__}.{name}", one, bool(uses) and uses <= FRONT


FOUND = list(patterns())


def in_use(name: str, pattern: re.Pattern[Any], front: bool) -> Callable[[str], object]:
    """What is done with a pattern."""
    if name in GUARDED:
        return GUARDED[name]

    def match(text: str) -> None:
        subject: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
        pattern.fullmatch(subject)
        pattern.match(subject)
        if not front:
            for _ in pattern.finditer(subject):
                pass

    return match


def seconds(act: Callable[[str], object], text: str) -> float:
    """Of this thread's processor time."""
    began = time.thread_time()
    act(text)
    return time.thread_time() - began


def check(act: Callable[[str], object], length: int, longest: float = LONGEST) -> None:
    length, longest = int(length * SHARE), longest * PATIENCE
    for unit, end in product(UNITS, ENDS):
        for size in (length // 20, length):  # what is slow for little is not tried with much
            text = (unit * (size // len(unit) + 1))[:size] + end
            if (spent := seconds(act, text)) > longest:
                spent = min(spent, seconds(act, text))  # one look may fall into a collection of garbage
            assert spent < longest, f"{spent:.2f} s for {unit!r} again and again, to {size}"


def test_the_patterns_are_found() -> None:
    names = {name for name, _, _ in FOUND}
    assert len(FOUND) > 80
    assert {*CAPPED, *GUARDED} <= names


@pytest.mark.parametrize(("name", "pattern", "front"), FOUND, ids=[name for name, _, _ in FOUND])
def test_no_text_makes_a_pattern_slow(name: str, pattern: re.Pattern[Any], front: bool) -> None:
    check(in_use(name, pattern, front), CAPPED.get(name, LENGTH))


def cited(text: str) -> None:
    stream = citations.CitationStream(available=3)
    stream.feed(text)
    stream.flush()


def mended(text: str) -> None:
    spelling.repair(text, uses=lambda word: 0, is_word=lambda word: False)


@pytest.mark.parametrize(
    ("act", "length", "longest"),
    [
        (lambda text: markdown.render(text, citations=3), 16_000, 1.0),  # the longest answer
        (cited, LENGTH, 0.2),
        (followup.leans_on_context, LENGTH, LONGEST),
        (smalltalk.recognise, LENGTH, LONGEST),
        (mended, 4_000, 0.2),  # the longest question
        (cleaning.anonymous, LENGTH, LONGEST),
        (documents.read_text, LENGTH, 1.0),
        (documents.read_markdown, LENGTH, 1.0),
    ],
    ids=["answer", "citations", "follow-up", "small talk", "spelling", "web query", "text", "markdown"],
)
def test_no_text_makes_what_is_done_with_it_slow(
    act: Callable[[str], object], length: int, longest: float
) -> None:
    def done(text: str) -> None:
        with suppress(ExtractError):  # a document of marks alone is empty
            act(text)

    check(done, length, longest)
