"""Tables as text: comma, semicolon, tab or bar between the cells; the first row names the columns."""

import csv
import io

from knowledge.formats.types import MAX_TEXT_CHARS, Extracted, ExtractError, Outline, clean, table

MAX_COLUMNS = 200
_SEPARATORS = ",;\t|"
_SAMPLE = 64  # lines
_CELL_CHARS = 100_000


def read_csv(source: str) -> Extracted:
    """Raises `ExtractError`; a quote that is never closed makes the rest one cell, which is refused."""
    if len(source) > MAX_TEXT_CHARS:
        raise ExtractError("too_large")
    csv.field_size_limit(_CELL_CHARS)
    text = clean(source)
    outline = Outline()
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator(text)))
    except csv.Error as error:
        raise ExtractError("damaged") from error
    add_table(outline, rows)
    return outline.finish()


def separator(text: str) -> str:
    """The one that cuts most lines into the same number of cells, more than one."""
    lines = [line for line in text.split("\n", _SAMPLE)[:_SAMPLE] if line.strip()]

    def evenness(candidate: str) -> tuple[int, int]:
        counts = [line.count(candidate) for line in lines]
        usual = max(set(counts), key=counts.count, default=0)
        return (counts.count(usual), usual) if usual else (0, sum(counts))

    return max(_SEPARATORS, key=evenness)


def add_table(outline: Outline, rows: list[list[str]], page: int | None = None) -> None:
    """Single cells before the table are text; the first row of several cells names the columns."""
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    width = _width(rows)
    if width > MAX_COLUMNS:
        raise ExtractError("too_wide")
    start = next((place for place, row in enumerate(rows) if _width([row]) > 1), 0)
    for row in rows[:start]:
        outline.block(row[0].strip(), page)
    rows = rows[start:]
    # The header is repeated for every row that is missing cells: count before it is written.
    if width * len(rows) + sum(len(cell) for row in rows for cell in row) > MAX_TEXT_CHARS:
        raise ExtractError("too_large")
    if width == 1:
        outline.block("\n\n".join(row[0].strip() for row in rows), page)
    else:
        outline.block(table([row[:width] for row in rows]), page)


def _width(rows: list[list[str]]) -> int:
    """Columns in use, up to the last cell that is not empty."""
    return max((len(row) - _trailing(row) for row in rows), default=0)


def _trailing(row: list[str]) -> int:
    """Empty cells at the end."""
    for count, cell in enumerate(reversed(row)):
        if cell.strip():
            return count
    return len(row)
