"""Cells that a spreadsheet shows and does not calculate: a text may begin like a formula."""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]")
_WRAPPED = re.compile(r"'+[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]")


def wrapped(cell: str) -> str:
    """With an apostrophe in front of what would be taken for a formula, or for a cell wrapped before."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unwrapped(cell: str) -> str:
    """What `wrapped` was given."""
    return cell[1:] if _WRAPPED.match(cell) else cell
