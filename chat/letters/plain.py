"""A sheet as plain text that reads well at 72 columns."""

import textwrap
from collections.abc import Iterator, Sequence

from chat.letters.sheet import Line, Sheet, one_line, place

WIDTH = 72
WITHOUT_PICTURES = "The pictures would have made this mail too large; only their names are in it."
_RULE = "-" * WIDTH


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
    for paragraph in line.text.splitlines():
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
