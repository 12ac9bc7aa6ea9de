"""What was read from customers' pictures: claimed, stored once, corrected."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from chat.models import Attachment, Conversation, Message
from chat.protocol import DurableEvent
from chat.transcripts.log import Log, Refused


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one picture; with a `failure` there is nothing else."""

    attachment: uuid.UUID
    reader: str = ""
    text: str = ""
    description: str = ""
    confidence: float | None = None
    milliseconds: int = 0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Corrected:
    """`answer`: the latest finished answer to the question that showed the picture."""

    events: tuple[DurableEvent, ...]
    answer: uuid.UUID | None


def pictures_in_order(ids: Sequence[uuid.UUID]) -> list[Attachment]:
    """In the order of `ids`; what is gone is left out."""
    found = Attachment.objects.in_bulk(ids)
    return [found[key] for key in ids if key in found]


def claim_pictures(ids: Collection[uuid.UUID], now: datetime, until: datetime) -> list[Attachment]:
    """Those that nobody has read or is reading; from now until then they are the caller's to read."""
    free = Attachment.objects.filter(Q(claimed_until=None) | Q(claimed_until__lt=now), read_at=None)
    claimed = [key for key in ids if free.filter(id=key).update(claimed_until=until)]
    return pictures_in_order(claimed)


@transaction.atomic
def store_readings(readings: Sequence[Reading], at: datetime) -> tuple[DurableEvent, ...]:
    """The first reading of a picture counts; each message that has a new one is told of again."""
    by_id = {reading.attachment: reading for reading in readings}
    rows = Attachment.objects.filter(id__in=by_id, read_at=None, message__isnull=False)
    fresh = list(rows.select_related("message"))
    messages = {row.message.id: row.message for row in fresh if row.message is not None}
    log = Log(message.conversation_id for message in messages.values())
    for row in fresh:
        _fill(row, by_id[row.id], at)
    Attachment.objects.bulk_update(fresh, _FIELDS)
    events = tuple(
        _told_again(log, log.conversations[message.conversation_id], message, at)
        for message in messages.values()
    )
    log.save()
    return events


_FIELDS = ("read_at", "reader", "text", "description", "confidence", "reading_ms", "failure")


def _fill(row: Attachment, reading: Reading, at: datetime) -> None:
    row.read_at, row.reading_ms = at, reading.milliseconds
    row.reader, row.failure = reading.reader, reading.failure
    row.text, row.description, row.confidence = reading.text, reading.description, reading.confidence


@transaction.atomic
def correct_picture(
    conversation: uuid.UUID, attachment_id: uuid.UUID, text: str, at: datetime
) -> Corrected | Refused:
    """What the customer says the picture says. Said twice it is stored, and told, once."""
    log = Log([conversation])
    row = Attachment.objects.filter(
        id=attachment_id, message__conversation=conversation, read_at__isnull=False
    ).first()
    message = row.message if row is not None else None
    if row is None or message is None:
        return Refused("bad_request")
    events: tuple[DurableEvent, ...] = ()
    if row.correction != text:
        row.correction = text
        row.save(update_fields=["correction"])
        events = (_told_again(log, log.conversations[conversation], message, at),)
        log.save()
    answers = Message.objects.filter(
        conversation=conversation, reply_to=message, role=Message.Role.ASSISTANT, pending=False, removed=False
    )
    newest = answers.order_by("-created_at").first()
    return Corrected(events, newest.id if newest is not None else None)


def _told_again(log: Log, conversation: Conversation, message: Message, at: datetime) -> DurableEvent:
    shown = Attachment.objects.filter(message=message).order_by("place")
    return log.append(conversation, "message.updated", at, message, attachments=list(shown))
