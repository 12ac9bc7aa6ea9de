"""A person's words to a customer who has gone: by e-mail, when there is an address and they were not seen."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from chat.models import Conversation, Message, TranscriptDelivery
from chat.transcripts.deliveries import Purpose, State, mailbox_of
from chat.transcripts.log import Log

_AT_ONCE = 50  # conversations


@dataclass(frozen=True, slots=True)
class Reply:
    """What a mail says. `author` is the last who wrote."""

    author: str
    texts: tuple[str, ...]


def queue_due(now: datetime) -> None:
    """Put what has waited long enough to be seen into the outbox."""
    due = Conversation.objects.filter(reply_due_at__lte=now).order_by("reply_due_at")
    for key in due.values_list("id", flat=True)[:_AT_ONCE]:
        _queue(key, now)


@transaction.atomic
def _queue(conversation: uuid.UUID, now: datetime) -> None:
    row = Log([conversation]).conversations.get(conversation)
    if row is None or row.reply_due_at is None or row.reply_due_at > now:
        return  # seen in between, or another worker's
    row.reply_due_at = None
    row.save(update_fields=["reply_due_at"])
    last = _said(conversation).last()
    if last is None or not row.contact_email:
        return
    address = row.contact_email.lower()
    TranscriptDelivery.objects.create(
        conversation=row,
        purpose=Purpose.REPLY,
        last_message=last,
        email=row.contact_email,
        address=address,
        mailbox=mailbox_of(address),
        state=State.QUEUED,
        created_at=now,
        queued_at=now,
        due_at=now,
        updated_at=now,
    )


def reply_of(delivery: uuid.UUID) -> Reply | None:
    """Everything that people said until this mail was queued and since the one before it."""
    row = TranscriptDelivery.objects.select_related("last_message").filter(id=delivery).first()
    if row is None:
        return None
    said = _said(row.conversation_id).filter(created_at__lte=row.last_message.created_at)
    earlier = TranscriptDelivery.objects.filter(
        conversation=row.conversation_id, purpose=Purpose.REPLY, created_at__lt=row.created_at
    )
    before = earlier.order_by("-created_at").values_list("last_message__created_at", flat=True).first()
    if before is not None:
        said = said.filter(created_at__gt=before)
    messages = list(said)
    return Reply(messages[-1].author, tuple(one.text for one in messages)) if messages else None


def _said(conversation: uuid.UUID) -> QuerySet[Message]:
    return Message.objects.filter(conversation=conversation, role=Message.Role.STAFF, removed=False).order_by(
        "created_at", "id"
    )
