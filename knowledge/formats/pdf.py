"""PDF: text page by page in the order of its content.

A PDF knows runs of letters at places, no more. Runs on one height with room between them are the
cells of a row, rows below each other are a table; larger print is a heading; what stands on the
edge of most pages is a running title and dropped.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pypdf import PageObject, PdfReader

from knowledge.formats.pictures import has_pictures
from knowledge.formats.types import (
    MAX_PAGES,
    MAX_TEXT_CHARS,
    Extracted,
    ExtractError,
    Outline,
    clean,
    one_line,
    table,
)

_HEADING_RATIO = 1.15
_HEADING_CHARS = 120
_LINE_CHARS = 500  # more is no line, and would make every further run dear
_NARROW, _WIDE = frozenset("iIjlftr.,:;'|!()[]/ -"), frozenset("mwMW@%")
_EDGE = 0.06  # of a page's height: where running titles stand
_COLUMN_SHIFT = 6.0  # points by which a column may start elsewhere on the next page
_CELL_LINES = 8  # lines of one cell to look back over
_BULLET = re.compile(r"[•◦▪●\u2013\u2023\uf0b7]\s*")
_MARK = re.compile(r"[•◦▪●\u2013\u2023\uf0b7-]|\d{1,2}[.)]?")
_ITEM = re.compile(r"(?:-|\d{1,3}[.)])\s")
_LEADER = re.compile(r"(?: ?\.){5,} ?")
_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(r"(?:page|seite|p\.)?\s*#(?:\s*(?:/|of|von)\s*#)?", re.IGNORECASE)


@dataclass(slots=True)
class _Cell:
    """Lines of text that start at one x. `y` is the height of each line, in points from below."""

    x: float
    size: float
    lines: list[tuple[float, str]]

    @property
    def text(self) -> str:
        return _flow(text for _, text in self.lines)


@dataclass(slots=True)
class _Row:
    """What stands side by side; running text has one cell."""

    cells: list[_Cell] = field(default_factory=list)


@dataclass(slots=True)
class _Table:
    columns: list[float]
    lines: list[list[str]]

    def under(self, above: "_Table | None") -> "_Table":
        """With the header of the table that the page before ended with, if it goes on in this one."""
        if above is None or len(above.columns) != len(self.columns) or self.lines[0] == above.lines[0]:
            return self
        pairs = zip(self.columns, above.columns, strict=True)
        goes_on = all(abs(ours - theirs) < _COLUMN_SHIFT for ours, theirs in pairs)
        return _Table(self.columns, [above.lines[0], *self.lines]) if goes_on else self


def read_pdf(path: Path) -> Extracted:
    """Raises `ExtractError`, and for a damaged file whatever pypdf stumbles over."""
    reader = PdfReader(path)
    if reader.is_encrypted and not reader.decrypt(""):
        raise ExtractError("encrypted")
    if len(reader.pages) > MAX_PAGES:
        raise ExtractError("too_large")
    budget = [MAX_TEXT_CHARS]
    pages = [_rows(_runs(page, budget)) for page in reader.pages]
    scanned = tuple(
        number
        for number, (page, rows) in enumerate(zip(reader.pages, pages, strict=True), 1)
        if not rows and has_pictures(page)
    )
    heights = [(float(page.mediabox.bottom), float(page.mediabox.height)) for page in reader.pages]
    title = one_line(clean(str((reader.metadata and reader.metadata.title) or "")))
    if not any(pages):
        if not scanned:
            raise ExtractError("no_text")
        return Extracted(title, (), len(pages), scanned)
    return replace(_outlined(_without_edges(pages, heights), title), scanned=scanned)


def _runs(page: PageObject, budget: list[int]) -> list[tuple[str, float, float, float]]:
    """(text, x, y, size) in the order of the content; x and y are where a line starts."""
    runs: list[tuple[str, float, float, float]] = []

    def visit(text: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        budget[0] -= len(text)
        if budget[0] < 0:
            raise ExtractError("too_large")
        text = clean(text)
        if text.strip():
            x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
            y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
            scale = abs(tm[3] * cm[3]) or abs(tm[1] * cm[2]) or 1.0
            runs.append((text.strip("\n"), x, y, abs(size) * scale))

    page.extract_text(visitor_text=visit)
    return runs


def _rows(runs: Iterable[tuple[str, float, float, float]]) -> list[_Row]:
    rows: list[_Row] = []
    for text, x, y, size in runs:
        size = size or 1.0
        if rows and _same_line(rows[-1].cells[-1], x, y, size):
            cell = rows[-1].cells[-1]
            at, before = cell.lines[-1]
            cell.lines[-1] = (at, before + text)
        elif (row := _beside(rows, x, y, size)) is not None:
            row.cells.append(_Cell(x, size, [(y, text)]))
        elif rows and len(rows[-1].cells) > 1 and _below(rows[-1].cells[-1], x, y, size):
            rows[-1].cells[-1].lines.append((y, text))
        else:
            rows.append(_Row([_Cell(x, size, [(y, text)])]))
    return [_numbered(row) for row in rows]


def _numbered(row: _Row) -> _Row:
    """A number or bullet that stands apart belongs to the line beside it."""
    mark = row.cells[0].text
    if len(row.cells) == 2 and _MARK.fullmatch(mark):
        second = row.cells[1]
        at, text = second.lines[0]
        second.lines[0] = (at, f"{mark}. {text}" if mark.isdecimal() else f"{mark} {text}")
        return _Row([second])
    return row


def _same_line(cell: _Cell, x: float, y: float, size: float) -> bool:
    """The run goes on where the last one ended. Within one text object x stays that of the line."""
    at, text = cell.lines[-1]
    if abs(y - at) > size * 0.3 or len(text) > _LINE_CHARS:
        return False
    return abs(x - cell.x) < 0.01 or cell.x < x < cell.x + _width(text, cell.size) + size * 0.45


def _width(text: str, size: float) -> float:
    """About what `text` takes in Helvetica or the like, in points."""
    ems = (0.3 if letter in _NARROW else 0.85 if letter in _WIDE else 0.54 for letter in text)
    return sum(ems) * size


def _below(cell: _Cell, x: float, y: float, size: float) -> bool:
    at, _ = cell.lines[-1]
    return abs(x - cell.x) < size and 0 < at - y < size * 1.6


def _beside(rows: list[_Row], x: float, y: float, size: float) -> _Row | None:
    """The row this run is the next cell of: the last one, or lines that turn out to be its first cell
    because the content now goes up again, to the right of them."""
    if not rows or y < rows[-1].cells[-1].lines[-1][0] - size * 0.3:
        return None
    last = rows[-1]
    if len(last.cells) > 1:
        fits = x > last.cells[-1].x + size and y < last.cells[0].lines[0][0] + size * 1.2
        return last if fits else None
    for back in range(1, min(_CELL_LINES, len(rows)) + 1):
        first = rows[-back]
        start = first.cells[0].x
        if len(first.cells) > 1 or abs(start - last.cells[0].x) > size or x <= start + size:
            return None
        if abs(first.cells[0].lines[0][0] - y) < size * 1.2:
            for row in rows[len(rows) - back + 1 :]:
                first.cells[0].lines.extend(row.cells[0].lines)
            del rows[len(rows) - back + 1 :]
            return first
    return None


def _without_edges(pages: list[list[_Row]], heights: list[tuple[float, float]]) -> list[list[_Row]]:
    """Drop page numbers, and what stands, but for numbers, on the edge of most pages."""
    edges = Counter(
        edge
        for rows, height in zip(pages, heights, strict=True)
        for edge in {_edge(row, height) for row in rows}
    )
    most = max(len(pages) / 2, 1)
    running = {edge for edge, count in edges.items() if count > most or _PAGE_NUMBER.fullmatch(edge)} - {""}
    return [
        [row for row in rows if _edge(row, height) not in running]
        for rows, height in zip(pages, heights, strict=True)
    ]


def _edge(row: _Row, height: tuple[float, float]) -> str:
    """The words of a row on the edge of the page, numbers made alike; "" for any other row."""
    bottom, tall = height
    place = (row.cells[0].lines[0][0] - bottom) / (tall or 1.0)
    if _EDGE < place < 1 - _EDGE:
        return ""
    return _DIGITS.sub("#", " ".join(cell.text for cell in row.cells))


def _outlined(pages: list[list[_Row]], title: str) -> Extracted:
    body = _body_size(pages)
    sizes = sorted({round(c.size, 1) for rows in pages for row in rows for c in row.cells}, reverse=True)
    levels = {size: level for level, size in enumerate((s for s in sizes if s > body * _HEADING_RATIO), 1)}
    outline = Outline()
    above: _Table | None = None  # what the page before ended with
    for number, rows in enumerate(pages, 1):
        last: _Table | None = None
        for block in _blocks(rows, levels):
            last = None
            if isinstance(block, str):
                outline.block(block, number)
            elif isinstance(block, _Table):
                last = block.under(above)
                outline.block(table(last.lines), number)
            else:
                level, text = block
                outline.heading(level, text, number)
            above = None
        above = last
    outline.title = outline.title or title
    return outline.finish(len(pages))


def _body_size(pages: list[list[_Row]]) -> float:
    """The size most letters have."""
    letters: Counter[float] = Counter()
    for cell in (cell for rows in pages for row in rows for cell in row.cells):
        letters[round(cell.size, 1)] += sum(len(text) for _, text in cell.lines)
    return letters.most_common(1)[0][0]


def _blocks(rows: list[_Row], levels: dict[float, int]) -> Iterator[str | tuple[int, str] | _Table]:
    """Paragraphs and lists as Markdown; a heading as (level, text)."""
    held: list[_Row] = []
    for row in [*rows, None]:
        if held and (row is None or _parts(held[-1], row)):
            level = levels.get(round(held[0].cells[0].size, 1))
            text = " ".join(cell.text for held_row in held for cell in held_row.cells)
            if level and len(text) <= _HEADING_CHARS and not _is_table(held):
                yield level, text
            elif _is_table(held):
                yield _aligned(held)
            else:
                yield _paragraph(held)
            held = []
        if row is not None:
            held.append(row)


def _parts(before: _Row, after: _Row) -> bool:
    """Whether a new block starts: another size of print, a table's edge, or more than a line's room."""
    above, below = before.cells[0], after.cells[0]
    if (len(before.cells) > 1) != (len(after.cells) > 1):
        return True
    if len(before.cells) > 1:
        return False
    gap = above.lines[-1][0] - below.lines[0][0]
    return abs(above.size - below.size) > 0.5 or not 0 < gap <= above.size * 1.75


def _is_table(rows: list[_Row]) -> bool:
    """Several rows of cells with a column start in common, which justified lines have not."""
    if len(rows) < 2 or len(rows[0].cells) < 2:
        return False
    starts = Counter(round(cell.x / 4) for row in rows for cell in row.cells[1:])
    return starts.most_common(1)[0][1] > len(rows) / 2


def _aligned(rows: list[_Row]) -> _Table:
    """Cells under the column they start closest to; the fullest row names the columns."""
    columns = [cell.x for cell in max(rows, key=lambda row: len(row.cells)).cells]
    lines = []
    for row in rows:
        line = [""] * len(columns)
        for cell in row.cells:
            nearest = min(range(len(columns)), key=lambda column: abs(columns[column] - cell.x))
            line[nearest] = f"{line[nearest]} {cell.text}".strip()
        lines.append(line)
    return _Table(columns, lines)


def _paragraph(rows: list[_Row]) -> str:
    """Lines flow together, but a bullet, a number, or a capital after a short line begins a new one."""
    items: list[list[str]] = []
    margin = max(_end(cell) for row in rows for cell in row.cells)
    above = rows[0].cells[0]
    for row in rows:
        text = " ".join(cell.text for cell in row.cells)
        bullet = _BULLET.match(text)
        if bullet and (len(text) > bullet.end()):
            text = f"- {text[bullet.end() :]}"
        if not items or bullet or _ITEM.match(text) or _ends_early(above, row.cells[0], margin):
            items.append([])
        items[-1].append(text)
        above = row.cells[0]
    return "\n".join(_flow(lines) for lines in items)


def _end(cell: _Cell) -> float:
    return cell.x + _width(cell.lines[-1][1], cell.size)


def _ends_early(above: _Cell, below: _Cell, margin: float) -> bool:
    return below.text[:1].isupper() and _end(above) < above.x + (margin - above.x) * 0.6


def _flow(lines: Iterable[str]) -> str:
    """One line; a word that was divided at a line's end is whole again."""
    text = ""
    for line in lines:
        line = _LEADER.sub(" … ", one_line(line))
        if text.endswith("-") and text[-2:-1].islower() and line[:1].islower():
            text = text[:-1] + line
        else:
            text = f"{text} {line}" if text else line
    return text
