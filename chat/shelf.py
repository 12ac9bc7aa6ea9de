"""What the chat asks of the videos' catalogue and tells it. `wiring` fills it; an empty one does nothing."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from chat import transcripts
from chat.transcripts import Gone, Noted, Refused, VideoNote
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

    @transaction.atomic
    def note(self, note: VideoNote, at: datetime) -> Noted | Refused:
        """What is told twice is counted once: the note and the count are one transaction."""
        noted = transcripts.note_video(note, at, self.gone)
        if isinstance(noted, Noted):
            if noted.opened:
                self.count_played(note.video_id)
            if noted.helped is not None:
                self.count_helped(note.video_id, *noted.helped)
        return noted
