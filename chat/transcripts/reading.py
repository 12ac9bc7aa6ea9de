"""What was said: page by page for a socket, whole for a page, in short for the assistant."""

import uuid
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Prefetch

from chat import protocol
from chat.assistant.services import Exchange, Past
from chat.models import Attachment, Conversation, Event, Message, ShownVideo, Source
from chat.protocol import DurableEvent
from chat.transcripts.deliveries import shown_deliveries
from chat.transcripts.log import durable

PAGE_BYTES = 48 * 1024  # of one `welcome`; a frame holds 64 KiB
PAGE_EVENTS = 200
LONG_BACKLOG = 600  # events; a client that lacks more fetches the conversation by HTTP
HISTORY_TURNS = 3

Gone = Callable[[Collection[int]], Collection[int]]
"""Of these videos, those that are shown no more."""


def nothing_gone(_: Collection[int]) -> Collection[int]:
    return ()


class _Answer(NamedTuple):
    question_id: uuid.UUID | None
    question: str
    text: str
    search_query: str
    mode: str
    has_pictures: bool
    """The question has."""
    has_videos: bool
    """Some answer of the conversation has."""


# Made once, and columns instead of rows: asked before every answer, of everything that a message has the
# assistant reads five fields. What few conversations have is read only where there is some.
_ANSWERS = (
    Message.objects.filter(
        role__in=(Message.Role.ASSISTANT, Message.Role.STAFF),
        removed=False,
        pending=False,
    )
    .exclude(finish=Message.Finish.ERROR)
    .order_by("-created_at")
    .values_list(
        "reply_to",
        "reply_to__text",
        "text",
        "search_query",
        "mode",
        Exists(Attachment.objects.filter(message=OuterRef("reply_to"))),
        Exists(ShownVideo.objects.filter(message__conversation=OuterRef("conversation"))),
    )
)
_SHOWN = ShownVideo.objects.filter(message__removed=False).values_list("message__reply_to", "video_id")


def past(conversation: uuid.UUID, before: uuid.UUID) -> Past:
    """The last few exchanges besides the question `before`, oldest first, and the videos of all of them."""
    # Only the newest answers can be to `before`, and of those all but one have been removed.
    found = [_Answer._make(row) for row in _ANSWERS.filter(conversation=conversation)[: HISTORY_TURNS + 1]]
    rows = [row for row in found if row.question_id != before][:HISTORY_TURNS]
    seen: dict[uuid.UUID | None, list[str]] = {}
    for one in Attachment.objects.filter(message__in=[row.question_id for row in rows if row.has_pictures]):
        seen.setdefault(one.message_id, []).append(one.seen_text or one.description)
    exchanges = tuple(
        Exchange(
            _said(row.question, seen.get(row.question_id, ())), row.text, row.search_query or row.question
        )
        for row in reversed(rows)
        if row.question_id is not None and row.mode != Message.Mode.SMALLTALK
    )
    shown = _SHOWN.filter(message__conversation=conversation) if found and found[0].has_videos else ()
    return Past(exchanges, frozenset(video for question, video in shown if question != before))


def _said(text: str, seen: Iterable[str]) -> str:
    """What the customer wrote, and what their pictures said."""
    return "\n".join((text, *(f"(picture: {one})" for one in seen if one))).strip()


def events_after(
    conversation: uuid.UUID, seq: int, gone: Gone = nothing_gone
) -> tuple[list[DurableEvent], bool]:
    """One page of events after `seq`, oldest first, and whether there are more."""
    rows = list(
        Event.objects.filter(conversation=conversation, seq__gt=seq)
        .select_related("message", "message__feedback")
        .prefetch_related(
            Prefetch("message__sources", Source.objects.filter(number__isnull=False)),
            "message__attachments",
            "message__videos",
        )
        .order_by("seq")[: PAGE_EVENTS + 1]
    )
    missing = missing_of((row.message for row in rows if row.message), gone)
    page: list[DurableEvent] = []
    size = 0
    for row in rows[:PAGE_EVENTS]:
        event = _stored(row, missing)
        size += len(protocol.encode(event).encode())
        if page and size > PAGE_BYTES:
            return page, True
        page.append(event)
    return page, len(rows) > PAGE_EVENTS


def _stored(row: Event, missing: Container[int]) -> DurableEvent:
    if row.message is None:
        return durable(row, None)
    return durable(row, row.message, *belongings(row.message), missing)


def belongings(
    message: Message,
) -> tuple[Iterable[Source], int, Iterable[Attachment], Iterable[ShownVideo]]:
    """What stands in other tables, in the order in which `protocol.message` takes it."""
    return (
        message.sources.all(),
        _feedback_value(message),
        message.attachments.all(),
        message.videos.all(),
    )


def missing_of(messages: Iterable[Message], gone: Gone) -> Collection[int]:
    """Of the videos that these messages show, those that are shown no more."""
    shown = {video.video_id for message in messages for video in message.videos.all()}
    return gone(shown) if shown else ()


def _feedback_value(message: Message) -> int:
    # A reverse one-to-one raises where there is no row.
    return message.feedback.value if hasattr(message, "feedback") else 0


def last_seqs(known: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int | None]:
    """Of conversations known up to a seq: where those stand that have gone beyond it, None for the erased.
    One parameter and hardly a row: a process asks for all its sockets every few seconds."""
    each, id_, seq = _EACH[connection.vendor]
    table = Conversation._meta.db_table
    statement = (
        f"SELECT {id_}, c.last_seq FROM {each}(%s) AS k LEFT JOIN {table} AS c ON c.id = {id_}"  # noqa: S608
        f" WHERE c.last_seq IS NULL OR c.last_seq > {seq}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [orjson.dumps({key.hex: seq for key, seq in known.items()}).decode()])
        return {uuid.UUID(str(key)): last_seq for key, last_seq in cursor.fetchall()}


_EACH = {
    "sqlite": ("json_each", "k.key", "k.value"),
    "postgresql": ("json_each_text", "k.key::uuid", "k.value::int"),
}


@transaction.atomic
def snapshot(visitor: str, conversation: uuid.UUID, gone: Gone = nothing_gone) -> dict[str, Any] | None:
    """The whole conversation as the page shows it, and the `seq` that it stands at."""
    row = Conversation.objects.filter(visitor=visitor, id=conversation).first()
    if row is None:
        return None
    messages = (
        Message.objects.filter(conversation=row, removed=False, pending=False)
        .select_related("feedback")
        .prefetch_related(
            Prefetch("sources", Source.objects.filter(number__isnull=False)), "attachments", "videos"
        )
        .order_by("created_at")
    )
    missing = missing_of(messages, gone)
    return {
        "conversation": row.id,
        "status": row.status,
        "seq": row.last_seq,
        "transcripts": shown_deliveries(row.id),
        "messages": [protocol.message(message, *belongings(message), missing) for message in messages],
    }
