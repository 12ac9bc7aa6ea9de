"""Sections → pieces that one vector can stand for. Pure: no database, no model.

A piece keeps to one section, holds whole paragraphs, lists and tables where they fit, and together
with its "title > heading" line never exceeds what the encoder reads (MiniLM cuts at 256 word pieces,
two of which are its own). About 200 word pieces without overlap was the best size measured.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil

from knowledge.extract import Section

CHUNKING_VERSION = 1
TARGET = 200
LIMIT = 254
TITLE_CHARS = 80
HEADING_CHARS = 120

Count = Callable[[str], int]

_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s")
_TABLE_RULE = re.compile(r"(?=[\s:|]*+-)[\s:|-]*+")
_SENTENCE_END = re.compile(r"(?<=[.!?\u2026\u3002\uff01\uff1f])\s+")
_FENCE = ("```", "~~~")


@dataclass(frozen=True, slots=True)
class Piece:
    """`tokens` counts the text as embedded, with title and heading. `ocr`: read from a picture."""

    text: str
    heading: str
    page: int | None
    position: int
    tokens: int
    ocr: bool = False


def embed_text(title: str, heading: str, text: str) -> str:
    """What is embedded for a passage. Of a long title the start is kept, of long headings the end,
    which says most about the passage."""
    lead = " > ".join(part for part in (title[:TITLE_CHARS], heading[-HEADING_CHARS:]) if part)
    return f"{lead}\n{text}" if lead else text


def chunk(
    title: str, sections: Iterable[Section], count_tokens: Count, *, target: int = TARGET, limit: int = LIMIT
) -> list[Piece]:
    """Pieces in reading order. `count_tokens` must add up over white space, as word pieces do."""
    pieces: list[Piece] = []
    for section in sections:
        heading = " > ".join(section.headings)
        lead = count_tokens(embed_text(title, heading, ""))
        room = max(limit - lead, limit // 5)
        for text, tokens in _pack(section.text, count_tokens, min(target, room), room):
            pieces.append(Piece(text, heading, section.page, len(pieces), lead + tokens, section.ocr))
    return pieces


@dataclass(slots=True)
class _Block:
    """A stretch that should stay in one piece. `glue` joins it to the block before."""

    text: str
    tokens: int
    glue: str = "\n\n"


def _pack(text: str, count: Count, target: int, room: int) -> Iterator[tuple[str, int]]:
    """A section that fits stays whole; else pieces of about equal size, so that no crumb is left."""
    text = text.strip()
    if not text:
        return
    total = count(text)
    if total <= room:
        yield text, total
        return
    aim = ceil(total / ceil(total / target))
    held: list[_Block] = []
    size = 0
    for block in _fit(text, count, aim, room):
        after = size + block.tokens
        if held and (after > room or size >= aim or (after > target and size > aim / 2)):
            yield _joined(held), size
            held, size = [], 0
        held.append(block)
        size += block.tokens
    if held:
        yield _joined(held), size


def _joined(blocks: list[_Block]) -> str:
    return "".join((block.glue if number else "") + block.text for number, block in enumerate(blocks))


def _fit(text: str, count: Count, aim: int, room: int) -> Iterator[_Block]:
    """Blocks of at most `room` tokens; an oversize one is taken apart along its own structure."""
    for block in _blocks(text):
        tokens = count(block)
        if tokens <= room:
            yield _Block(block, tokens)
        else:
            yield from _split(block, count, aim, room)


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs, whole lists, tables and fences. A line that ends in a colon goes with the list
    or table it introduces."""
    held: list[str] = []
    for paragraph in _paragraphs(text):
        if held and not _belongs(held[-1], paragraph):
            yield "\n\n".join(held)
            held = []
        held.append(paragraph)
    if held:
        yield "\n\n".join(held)


def _belongs(before: str, after: str) -> bool:
    continues = after.startswith(("  ", "\t")) or bool(_ITEM.match(after))
    if _ITEM.match(before) or before.startswith(("  ", "\t")):
        return continues
    return before.endswith(":") and (continues or after.startswith("|"))


def _paragraphs(text: str) -> Iterator[str]:
    """Stretches between blank lines; blank lines inside a fence do not count."""
    held: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = line.lstrip()[:3]
        if mark in _FENCE and (not fence or fence == mark):
            fence = "" if fence else mark
        if line.strip() or fence:
            held.append(line.rstrip())
        elif held:
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def _split(block: str, count: Count, aim: int, room: int) -> Iterator[_Block]:
    paragraphs = list(_paragraphs(block))
    if len(paragraphs) > 1 and any(_is_table(paragraph.split("\n")) for paragraph in paragraphs):
        for paragraph in paragraphs:
            yield from _fit(paragraph, count, aim, room)
        return
    lines = block.split("\n")
    if _is_table(lines):
        yield from _split_table(lines, count, aim, room)
    elif lines[0][:3] in _FENCE:
        yield from _split_fence(lines, count, room)
    elif len(lines) > 1:
        yield from _split_lines(lines, count, room)
    else:
        yield from _split_prose(block, count, room)


def _is_table(lines: list[str]) -> bool:
    return len(lines) > 2 and lines[0].startswith("|") and bool(_TABLE_RULE.fullmatch(lines[1]))


def _split_table(lines: list[str], count: Count, aim: int, room: int) -> Iterator[_Block]:
    """Groups of rows, each under the header again. A row too long for that is cut as prose."""
    header = "\n".join(lines[:2])
    head = count(header)
    rows: list[str] = []
    size = head
    for row in lines[2:]:
        tokens = count(row)
        if rows and size + tokens > min(aim, room):
            yield _Block("\n".join((header, *rows)), size)
            rows, size = [], head
        if head + tokens > room:
            yield from _split_prose(f"{_cells(lines[0])}: {_cells(row)}", count, room)
            continue
        rows.append(row)
        size += tokens
    if rows:
        yield _Block("\n".join((header, *rows)), size)


def _cells(row: str) -> str:
    return "; ".join(cell for part in row.strip().strip("|").split("|") if (cell := part.strip()))


def _split_fence(lines: list[str], count: Count, room: int) -> Iterator[_Block]:
    """Each part stands in a fence of its own."""
    marks = (lines[0][:3], lines[0][:3])
    edge = count("\n".join(marks))
    body = lines[1:-1] if lines[-1].startswith(marks[0]) else lines[1:]
    held: list[str] = []
    size = edge
    for block in (part for line in body for part in _group([line], count, room - edge)):
        if held and size + block.tokens > room:
            yield _Block("\n".join((marks[0], *held, marks[1])), size)
            held, size = [], edge
        held.append(block.text)
        size += block.tokens
    yield _Block("\n".join((marks[0], *held, marks[1])), size)


def _split_lines(lines: list[str], count: Count, room: int) -> Iterator[_Block]:
    """List items with what is indented below them, else single lines. A lead-in stays with the
    first item."""
    group: list[str] = []
    for line in lines:
        starts = bool(_ITEM.match(line)) or not line.startswith((" ", "\t"))
        if group and line and starts and not "\n".join(group).rstrip().endswith(":"):
            yield from _group(group, count, room)
            group = []
        group.append(line)
    yield from _group(group, count, room)


def _group(lines: list[str], count: Count, room: int) -> Iterator[_Block]:
    text = "\n".join(lines).strip("\n")
    tokens = count(text)
    if tokens <= room:
        yield _Block(text, tokens, "\n")
    elif len(lines) > 1:
        half = len(lines) // 2
        yield from _group(lines[:half], count, room)
        yield from _group(lines[half:], count, room)
    else:
        yield from _split_prose(text, count, room)


def _split_prose(text: str, count: Count, room: int, glue: str = " ") -> Iterator[_Block]:
    """Sentences; a longer one by halves of its words; a longer word by halves."""
    for sentence in _SENTENCE_END.split(text):
        tokens = count(sentence)
        if tokens <= room or len(sentence) < 2:
            yield _Block(sentence, tokens, glue)
        elif cut := sentence.rfind(" ", 1, len(sentence) // 2 + 1) + 1 or sentence.find(" ", 1, -1) + 1:
            yield from _split_prose(sentence[: cut - 1], count, room, glue)
            yield from _split_prose(sentence[cut:], count, room)
        else:
            half = len(sentence) // 2
            yield from _split_prose(sentence[:half], count, room, glue)
            yield from _split_prose(sentence[half:], count, room, "")
        glue = " "
