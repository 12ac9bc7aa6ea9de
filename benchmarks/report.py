"""Rows of the table that is printed."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `ok` is None where there is no goal: the row stands there for comparison."""

    what: str
    ours: str
    beside: str = ""
    goal: str = ""
    ok: bool | None = None

    @property
    def verdict(self) -> str:
        return "" if self.ok is None else "ok" if self.ok else "MISSED"


def at_most(what: str, value: float, limit: float, unit: str, beside: str = "") -> Row:
    return Row(what, number(value, unit), beside, f"≤ {number(limit, unit)}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str, beside: str = "") -> Row:
    return Row(what, number(value, unit), beside, f"≥ {number(limit, unit)}", value >= limit)


def number(value: float, unit: str) -> str:
    """Three digits that say something: 0.0153, 1.53, 153, 15,300."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    text = f"{value:,.{digits}f}"
    return f"{text} {unit}".rstrip()


def table(rows: Iterable[Row]) -> str:
    lines = [("", "ours", "in the same run", "goal", "")]
    lines += [(row.what, row.ours, row.beside, row.goal, row.verdict) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
