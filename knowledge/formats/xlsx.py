"""Excel: each sheet under its name, as a table of the values that were last shown. Rows are streamed."""

from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from knowledge.formats.archive import inspect
from knowledge.formats.csv import MAX_COLUMNS, add_table
from knowledge.formats.types import MAX_TEXT_CHARS, Extracted, ExtractError, Outline, clean, one_line

MAX_SHEETS = 200
_MAX_TAGS = 4_000_000  # read row by row, so they are not kept
_MAX_ROWS = 200_000  # rows, empty ones included, of all sheets


def read_xlsx(path: Path) -> Extracted:
    """Raises `ExtractError`, and for a damaged file whatever openpyxl stumbles over."""
    inspect(path, "xl/workbook.xml", _MAX_TAGS)
    workbook = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    if len(workbook.worksheets) > MAX_SHEETS:
        raise ExtractError("too_large")
    outline = Outline()
    budget = [_MAX_ROWS, MAX_TEXT_CHARS]
    for number, sheet in enumerate(workbook.worksheets, 1):
        if sheet.sheet_state != "visible":
            continue
        sheet.reset_dimensions()  # what a sheet declares about its size is the sender's word
        rows = list(_rows(sheet, budget))
        if rows:
            outline.heading(2, clean(sheet.title), number)
            add_table(outline, rows, number)
    outline.title = one_line(clean(workbook.properties.title or ""))
    return outline.finish(len(workbook.worksheets))


def _rows(sheet: Any, budget: list[int]) -> Iterator[list[str]]:
    for values in sheet.iter_rows(values_only=True):
        budget[0] -= 1
        cells = [_shown(value) for value in values[: MAX_COLUMNS + 1]]
        budget[1] -= sum(map(len, cells))
        if min(budget) < 0:
            raise ExtractError("too_large")
        if any(cells):
            yield cells


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case float():
            return f"{value:.10g}"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ", "minutes")
        case date() | time():
            return value.isoformat()
        case _:
            return one_line(clean(str(value)))
