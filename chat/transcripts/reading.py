"""What was said: page by page for a socket, whole for a page, in short for the assistant."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Prefetch

from chat import protocol
from chat.assistant.services import Exchange
from chat.models import Conversation, Event, Message, Source
from chat.protocol import DurableEvent
from chat.transcripts.log import durable

PAGE_BYTES = 48 * 1024  # of one `welcome`; a frame holds 64 KiB
PAGE_EVENTS = 200
LONG_BACKLOG = 600  # events; a client that lacks more fetches the conversation by HTTP
HISTORY_TURNS = 3


def history(conversation: uuid.UUID, before: uuid.UUID) -> tuple[Exchange, ...]:
    """The last few exchanges besides the question `before`, oldest first."""
    rows = (
        Message.objects.filter(
            conversation=conversation, role=Message.Role.ASSISTANT, removed=False, pending=False
        )
        .exclude(reply_to=before)
        .exclude(finish=Message.Finish.ERROR)
        .select_related("reply_to")
        .order_by("-created_at")[:HISTORY_TURNS]
    )
    return tuple(
        Exchange(row.reply_to.text, row.text, row.search_query or row.reply_to.text)
        for row in reversed(rows)
        if row.reply_to and row.mode != Message.Mode.SMALLTALK
    )


def events_after(conversation: uuid.UUID, seq: int) -> tuple[list[DurableEvent], bool]:
    """One page of events after `seq`, oldest first, and whether there are more."""
    rows = list(
        Event.objects.filter(conversation=conversation, seq__gt=seq)
        .select_related("message", "message__feedback")
        .prefetch_related(
            Prefetch("message__sources", Source.objects.filter(number__isnull=False)),
            "message__attachments",
        )
        .order_by("seq")[: PAGE_EVENTS + 1]
    )
    page: list[DurableEvent] = []
    size = 0
    for row in rows[:PAGE_EVENTS]:
        event = _stored(row)
        size += len(protocol.encode(event).encode())
        if page and size > PAGE_BYTES:
            return page, True
        page.append(event)
    return page, len(rows) > PAGE_EVENTS


def _stored(row: Event) -> DurableEvent:
    if row.message is None:
        return durable(row, None)
    message = row.message
    return durable(row, message, message.sources.all(), _feedback_value(message), message.attachments.all())


def _feedback_value(message: Message) -> int:
    # A reverse one-to-one raises where there is no row.
    return message.feedback.value if hasattr(message, "feedback") else 0


def last_seqs(conversations: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    rows = Conversation.objects.filter(id__in=list(conversations))
    return dict(rows.values_list("id", "last_seq"))


@transaction.atomic
def snapshot(visitor: str, conversation: uuid.UUID) -> dict[str, Any] | None:
    """The whole conversation as the page shows it, and the `seq` that it stands at."""
    row = Conversation.objects.filter(visitor=visitor, id=conversation).first()
    if row is None:
        return None
    messages = (
        Message.objects.filter(conversation=row, removed=False, pending=False)
        .select_related("feedback")
        .prefetch_related(Prefetch("sources", Source.objects.filter(number__isnull=False)), "attachments")
        .order_by("created_at")
    )
    return {
        "conversation": row.id,
        "status": row.status,
        "seq": row.last_seq,
        "messages": [
            protocol.message(
                message, message.sources.all(), _feedback_value(message), message.attachments.all()
            )
            for message in messages
        ],
    }
