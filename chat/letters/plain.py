"""A sheet as plain text that reads well at 72 columns."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from markdown_it.token import Token

from chat.letters.sheet import Line, Sheet, one_line, place
from joblynk.markdown import parser

WIDTH = 72
WITHOUT_PICTURES = "The pictures would have made this mail too large; only their names are in it."
_RULE = "-" * WIDTH
_HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
_TABLE_RULE = re.compile(r"^\|[ :|-]+\|\n", re.MULTILINE)


def render_text(sheet: Sheet, sentences: Sequence[str], *, without_pictures: bool = False) -> str:
    """`sentences` say why the reader has this."""
    parts = [f"Your conversation with {sheet.site_name}", f"Times are {sheet.zone}."]
    if without_pictures:
        parts.append(
            _wrapped("The pictures would have made this mail too large; only their names are in it.")
        )
    for day in sheet.days:
        parts += ["", _RULE, day.name, _RULE]
        for line in day.lines:
            parts += ["", *_line(line)]
    parts += ["", _RULE, *(_wrapped(sentence) for sentence in sentences), f"{sheet.site_url}/"]
    return "\n".join(parts) + "\n"


def _line(line: Line) -> Iterator[str]:
    yield f"{line.time}  {line.who}"
    for paragraph in (unmarked(line.text) if line.html else line.text).splitlines():
        yield _wrapped(paragraph)
    for picture in line.pictures:
        yield f"[Picture: {one_line(picture.name) or 'without a name'}]"
        if picture.text:
            yield _wrapped(f"In the picture: “{one_line(picture.text)}”", "  ")
    if line.remark:
        yield _wrapped(f"({line.remark})")
    for quote in line.quotes:
        yield ""
        where = place(quote)
        yield _wrapped(
            f"[{quote.number}] {one_line(quote.title)}" + (f" ({one_line(where)})" if where else "")
        )
        yield _wrapped(f"“{one_line(quote.text)}”", "    ")
        if quote.url:
            yield f"    {quote.url}"
    for video in line.videos:
        yield ""
        yield _wrapped(
            f"Video: {one_line(video.title)}" + (f" ({one_line(video.where)})" if video.where else "")
        )
        if video.url:
            yield f"    {video.url}"


def unmarked(markdown: str) -> str:
    """Markdown without the signs that mean emphasis, code and links: lists read well as they are."""
    text, done = markdown, 0
    for token in parser().parse(markdown):
        place = text.find(token.content, done) if token.type == "inline" else -1
        if place >= 0:
            words = "".join(_words(token.children or ()))
            text = text[:place] + words + text[place + len(token.content) :]
            done = place + len(words)
    return _TABLE_RULE.sub("", _HEADING.sub("", text))


def _words(children: Iterable[Token]) -> Iterator[str]:
    address, before = "", ""
    for token in children:
        match token.type:
            case "softbreak" | "hardbreak":
                yield "\n"
            case "link_open":
                address, before = str(token.attrGet("href") or ""), ""
            case "link_close":
                yield "" if before in (address, address.removeprefix("mailto:")) else f" ({address})"
            case _:
                before += token.content
                yield token.content


def _with(title: str, detail: str) -> str:
    return one_line(f"{title} ({detail})" if detail else title)


def _wrapped(text: str, indent: str = "") -> str:
    """Long lines broken between words; what cannot be broken (an address) stays whole."""
    if not text.strip():
        return ""
    hanging = indent + " " * (len(text) - len(text.lstrip()))
    return textwrap.fill(
        text.strip(),
        WIDTH,
        initial_indent=hanging,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
