"""`Range` and `If-Range` (RFC 9110, section 14). Pure.

One range is served; several at once are ignored, as the standard allows: players ask for one, and many
small ones are a known way to make a server work for nothing.
"""

import re
from typing import NamedTuple

_ONE_RANGE = re.compile(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*", re.IGNORECASE)


class Span(NamedTuple):
    """Bytes from `first` up to and without `end`."""

    first: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.first


class Unsatisfiable(Exception):
    """No byte of the file is in the range."""


def requested(header: str, size: int) -> Span | None:
    """The bytes that `header` asks for; None for the whole file, which is also what an odd header gets.

    Raises `Unsatisfiable`.
    """
    found = _ONE_RANGE.fullmatch(header.strip())
    if found is None or found[1] == found[2] == "":
        return None
    first, last = found[1], found[2]
    if not first:  # the last so many bytes
        span = Span(max(0, size - int(last)), size)
    else:
        if last and int(last) < int(first):
            return None
        span = Span(int(first), min(int(last) + 1, size) if last else size)
    if span.first >= size or not span.length:
        raise Unsatisfiable
    return span


def holds(if_range: str, etag: str, last_modified: str) -> bool:
    """Whether the file is still the one that the asker has a part of. A weak tag never proves it."""
    if_range = if_range.strip()
    return not if_range or if_range in (etag, last_modified)
