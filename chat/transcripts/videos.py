"""What customers do with the videos that they were shown."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from chat import protocol
from chat.models import ShownVideo
from chat.protocol import DurableEvent
from chat.transcripts.log import Log, Refused
from chat.transcripts.reading import Gone, belongings, missing_of, nothing_gone

REACHED = {
    "quarter": ShownVideo.Watched.QUARTER,
    "half": ShownVideo.Watched.HALF,
    "three_quarters": ShownVideo.Watched.THREE_QUARTERS,
    "ended": ShownVideo.Watched.WHOLE,
}
SAID = {"helped": 1, "not_helped": -1}


@dataclass(frozen=True, slots=True)
class VideoNote:
    """`event`: opened, one of REACHED, or one of SAID. `second` of the video at which it happened."""

    conversation: uuid.UUID
    message_id: uuid.UUID
    video_id: int
    event: str
    second: float | None


@dataclass(frozen=True, slots=True)
class Noted:
    """What is new: told twice it is not. `helped` from one value to another, 1, 0 or -1."""

    opened: bool = False
    helped: tuple[int, int] | None = None
    events: tuple[DurableEvent, ...] = ()


@transaction.atomic
def note_video(note: VideoNote, at: datetime, gone: Gone = nothing_gone) -> Noted | Refused:
    """Refused unless this video stands under this message of this conversation."""
    log = Log([note.conversation])
    row = (
        ShownVideo.objects.filter(
            message__conversation=note.conversation,
            message=note.message_id,
            message__removed=False,
            video_id=note.video_id,
        )
        .select_related("message")
        .first()
    )
    if row is None:
        return Refused("bad_request")
    before = (row.opened_at is None, row.helped)
    row.opened_at = row.opened_at or at  # whatever happens to a video, somebody has opened it
    row.watched = max(row.watched, REACHED.get(note.event, ShownVideo.Watched.NOTHING))
    row.helped = SAID.get(note.event, row.helped)
    row.left_at = row.left_at if note.second is None else note.second
    row.save(update_fields=["opened_at", "watched", "helped", "left_at"])
    if row.helped == before[1]:
        return Noted(opened=before[0])
    message = row.message
    event = log.append(log.conversations[note.conversation], "message.updated", at, message)
    log.save()
    parts = belongings(message)
    told = {"message": protocol.message(message, *parts, missing_of([message], gone))}
    return Noted(before[0], (before[1], row.helped), (replace(event, data=told),))
