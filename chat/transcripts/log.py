"""A conversation's log inside a transaction: its row locked, its events numbered without gaps."""

import uuid
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chat import protocol
from chat.models import Attachment, Conversation, Event, Message, ShownVideo, Source
from chat.protocol import DurableEvent
from chat.transcripts.bulk import store

_CHANGING = (
    *("last_seq", "open_answers", "updated_at", "status", "epoch", "contact_email"),
    *("assignee", "assignee_name", "waiting_since", "seen_seq", "reply_due_at"),
)


@dataclass(frozen=True, slots=True)
class Refused:
    code: str
    who: str = ""
    """Who has what was asked for."""


class Log:
    """The locked conversations of one transaction, and the events that it appends to them."""

    def __init__(self, ids: Iterable[uuid.UUID]) -> None:
        rows = Conversation.objects.select_for_update().filter(id__in=set(ids)).order_by("id")
        self.conversations = {row.id: row for row in rows}
        self._events: list[Event] = []

    def append(
        self,
        conversation: Conversation,
        kind: str,
        at: datetime,
        message: Message | None = None,
        data: dict[str, Any] | None = None,
        attachments: Iterable[Attachment] = (),
    ) -> DurableEvent:
        conversation.last_seq += 1
        conversation.updated_at = at
        row = Event(
            conversation=conversation,
            seq=conversation.last_seq,
            type=kind,
            message=message,
            data=data or {},
            at=at,
        )
        self._events.append(row)
        return durable(row, message, attachments=attachments)

    def change_status(self, conversation: Conversation, status: str, at: datetime) -> DurableEvent:
        """Who answers is set before, and forgotten when nobody does any more."""
        conversation.status = status
        conversation.epoch += 1
        conversation.waiting_since = at if status == Conversation.Status.WAITING else None
        if status != Conversation.Status.HUMAN:
            conversation.assignee_id, conversation.assignee_name = None, ""
        data = {"status": str(status)}
        if conversation.assignee_name:
            data["assignee"] = conversation.assignee_name
        return self.append(conversation, "conversation.updated", at, data=data)

    def notice(self, conversation: Conversation, text: str, at: datetime) -> DurableEvent:
        """A line about the conversation itself, for everybody in it."""
        message = Message.objects.create(
            conversation=conversation, role=Message.Role.SYSTEM, text=text, created_at=at
        )
        return self.append(conversation, "message.created", at, message)

    def save(self) -> None:
        touched = {row.conversation_id for row in self._events}
        store(self._events)
        store(
            [row for key, row in self.conversations.items() if key in touched],
            update=_CHANGING,
        )


def durable(
    row: Event,
    message: Message | None,
    sources: Iterable[Source] = (),
    feedback: int = 0,
    attachments: Iterable[Attachment] = (),
    videos: Iterable[ShownVideo] = (),
    gone: Container[int] = (),
) -> DurableEvent:
    data: dict[str, Any] = dict(row.data)
    if message is not None:
        match row.type:
            case "message.created" | "message.updated":
                data["message"] = protocol.message(message, sources, feedback, attachments, videos, gone)
            case "message.removed":
                data["id"] = message.id
            case "answer.started" | "answer.failed":
                data |= {"message_id": message.id, "reply_to": message.reply_to_id}
            case _:
                data["message_id"] = message.id
    return DurableEvent(row.conversation_id, row.seq, row.type, row.at, data)
