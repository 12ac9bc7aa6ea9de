"""What the chat asks of the videos' catalogue and tells it. `wiring` fills it; an empty one does nothing."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from chat.transcripts import Gone
from chat.transcripts.reading import nothing_gone


def _ignore(*_: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """All of it reads or writes the database, in the caller's thread."""

    gone: Gone = nothing_gone
    count_shown: Callable[[Collection[int]], None] = _ignore
    count_played: Callable[[int], None] = _ignore
    count_helped: Callable[[int, int, int], None] = _ignore
    """Video, what its customer said before, and what now: 1, 0 or -1."""
