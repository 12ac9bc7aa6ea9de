"""Every query and write on conversations.

Each writing function takes a batch and is one transaction: `writer.Writer` gathers what many sockets
want written at the same moment, because a commit costs more than the rows in it. Rows are locked in the
order of their ids, so two processes never wait for each other in a circle. What a function returns is
what may be announced, and only after it has returned.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch

from chat import protocol
from chat.assistant.services import Exchange
from chat.bulk import store
from chat.models import Conversation, Event, Feedback, Message, Source
from chat.protocol import DurableEvent
from chat.words import WORDS

PAGE_BYTES = 48 * 1024  # of one `welcome`; a frame holds 64 KiB
PAGE_EVENTS = 200
LONG_BACKLOG = 600  # events; a client that lacks more fetches the conversation by HTTP
HISTORY_TURNS = 3
AUTHOR = "Assistant"


@dataclass(frozen=True, slots=True)
class View:
    """A conversation as a socket needs it."""

    id: uuid.UUID
    status: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class NewQuestion:
    conversation: uuid.UUID
    client_message_id: uuid.UUID
    text: str
    owner: str
    at: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class NewRetry:
    conversation: uuid.UUID
    message_id: uuid.UUID
    client_action_id: uuid.UUID
    owner: str
    at: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """`answer_id` is None when the assistant need not answer: the same frame came again, or a person has
    taken over."""

    question_id: uuid.UUID
    seq: int
    answer_id: uuid.UUID | None = None
    question: str = ""
    events: tuple[DurableEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    code: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer ended. `sources` are unsaved rows, without their message."""

    conversation: uuid.UUID
    answer_id: uuid.UUID
    finish: str
    at: datetime
    text: str = ""
    html: str = ""
    mode: str = Message.Mode.NONE
    error_code: str = ""
    notice: str = ""
    search_query: str = ""
    confidence: float | None = None
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_text_ms: int | None = None
    total_ms: int | None = None
    suggestions: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    wants_person: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    conversation: uuid.UUID
    answer_id: uuid.UUID
    reply_to: uuid.UUID | None
    owner: str


class _Pages:
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
        return _durable(row, message)

    def save(self) -> None:
        touched = {row.conversation_id for row in self._events}
        store(self._events)
        store(
            [row for key, row in self.conversations.items() if key in touched],
            update=("last_seq", "updated_at", "status", "epoch", "contact_email"),
        )


def _durable(
    row: Event, message: Message | None, sources: Iterable[Source] = (), feedback: int = 0
) -> DurableEvent:
    data: dict[str, Any] = dict(row.data)
    if message is not None:
        match row.type:
            case "message.created" | "message.updated":
                data["message"] = protocol.message(message, sources, feedback)
            case "message.removed":
                data["id"] = message.id
            case "answer.started" | "answer.failed":
                data |= {"message_id": message.id, "reply_to": message.reply_to_id}
            case _:
                data["message_id"] = message.id
    return DurableEvent(row.conversation_id, row.seq, row.type, row.at, data)


# --- Asking ------------------------------------------------------------------------------------


@transaction.atomic
def add_questions(items: Sequence[NewQuestion]) -> list[Accepted | Refused]:
    """Store each question with its pending answer. The same frame again gets the same result."""
    pages = _Pages(item.conversation for item in items)
    known = _known_questions(items)
    messages: list[Message] = []
    results: list[Accepted | Refused] = []
    for item in items:
        key = (item.conversation, item.client_message_id)
        conversation = pages.conversations.get(item.conversation)
        if conversation is None:
            results.append(Refused("not_found"))
        elif earlier := known.get(key):
            text, accepted = earlier
            results.append(accepted if text == item.text else Refused("conflict"))
        elif conversation.status == Conversation.Status.RESOLVED:
            results.append(Refused("closed"))
        else:
            accepted = _add_question(pages, conversation, item, messages)
            known[key] = (item.text, Accepted(accepted.question_id, accepted.seq))
            results.append(accepted)
    store(messages)
    pages.save()
    return results


def _known_questions(items: Sequence[NewQuestion]) -> dict[tuple[uuid.UUID, uuid.UUID], tuple[str, Accepted]]:
    rows = Event.objects.filter(
        conversation__in={item.conversation for item in items},
        type="message.created",
        message__client_message_id__in={item.client_message_id for item in items},
    ).values_list("conversation_id", "message__client_message_id", "message__text", "message_id", "seq")
    return {
        (conversation, client_id): (text, Accepted(message_id, seq))
        for conversation, client_id, text, message_id, seq in rows
        if client_id is not None and message_id is not None
    }


def _add_question(
    pages: _Pages, conversation: Conversation, item: NewQuestion, messages: list[Message]
) -> Accepted:
    question = Message(
        conversation=conversation,
        role=Message.Role.USER,
        text=item.text,
        client_message_id=item.client_message_id,
        created_at=item.at,
    )
    messages.append(question)
    created = pages.append(conversation, "message.created", item.at, question)
    if conversation.status == Conversation.Status.HUMAN:
        return Accepted(question.id, created.seq, events=(created,))
    answer = _pending_answer(conversation, question, item)
    messages.append(answer)
    started = pages.append(conversation, "answer.started", item.at, answer)
    return Accepted(question.id, created.seq, answer.id, item.text, (created, started))


def _pending_answer(conversation: Conversation, question: Message, item: NewQuestion | NewRetry) -> Message:
    return Message(
        conversation=conversation,
        role=Message.Role.ASSISTANT,
        author=AUTHOR,
        reply_to=question,
        pending=True,
        owner=item.owner,
        lease_until=item.lease_until,
        # Just after its question, also where the clock is coarse.
        created_at=item.at + timedelta(microseconds=1),
    )


@transaction.atomic
def retry_answers(items: Sequence[NewRetry]) -> list[Accepted | Refused]:
    """Replace an answer by a new pending one to the same question. A repeated action does nothing more."""
    pages = _Pages(item.conversation for item in items)
    results = [_retry_answer(pages, item) for item in items]
    pages.save()
    return results


def _retry_answer(pages: _Pages, item: NewRetry) -> Accepted | Refused:
    answers = Message.objects.filter(conversation=item.conversation, role=Message.Role.ASSISTANT)
    if done := answers.filter(client_action_id=item.client_action_id).first():
        return Accepted(done.reply_to_id or done.id, 0)
    old = answers.filter(id=item.message_id, pending=False, removed=False).select_related("reply_to").first()
    conversation = pages.conversations.get(item.conversation)
    if old is None or old.reply_to is None or conversation is None:
        return Refused("bad_request")
    if conversation.status in (Conversation.Status.HUMAN, Conversation.Status.RESOLVED):
        return Refused("closed")
    old.removed = True
    old.save(update_fields=["removed"])
    answer = _pending_answer(conversation, old.reply_to, item)
    answer.client_action_id = item.client_action_id
    answer.save(force_insert=True)
    removed = pages.append(conversation, "message.removed", item.at, old)
    started = pages.append(conversation, "answer.started", item.at, answer)
    return Accepted(old.reply_to.id, removed.seq, answer.id, old.reply_to.text, (removed, started))


# --- Answering ---------------------------------------------------------------------------------


@transaction.atomic
def finish_answers(items: Sequence[Outcome]) -> list[tuple[DurableEvent, ...]]:
    """Store how each answer ended, once: an answer that is no longer pending stays as it is and yields
    no events."""
    pages = _Pages(item.conversation for item in items)
    pending = Message.objects.filter(id__in=[item.answer_id for item in items], pending=True).in_bulk()
    answers: list[Message] = []
    results: list[tuple[DurableEvent, ...]] = []
    for item in items:
        conversation = pages.conversations.get(item.conversation)
        answer = pending.pop(item.answer_id, None)
        if conversation is None or answer is None:
            results.append(())
            continue
        results.append(_finish(pages, conversation, answer, item))
        answers.append(answer)
    store(answers, update=(*_OUTCOME_FIELDS, "suggestions", "pending", "removed"))
    store([source for item, events in zip(items, results, strict=True) if events for source in item.sources])
    pages.save()
    return results


def _finish(
    pages: _Pages, conversation: Conversation, answer: Message, item: Outcome
) -> tuple[DurableEvent, ...]:
    for name in _OUTCOME_FIELDS:
        setattr(answer, name, getattr(item, name))
    answer.suggestions = list(item.suggestions)
    answer.pending = False
    # A person has taken over while the assistant was writing: its words are thrown away.
    answer.removed = conversation.status == Conversation.Status.HUMAN
    for source in item.sources:
        source.message = answer
    if answer.removed:
        return (pages.append(conversation, "message.removed", item.at, answer),)
    if item.finish == Message.Finish.ERROR:
        failure = {
            "code": item.error_code,
            "text": WORDS[item.error_code].format(ref=str(answer.id)[:8]),
            "retryable": True,
        }
        return (pages.append(conversation, "answer.failed", item.at, answer, failure),)
    row = pages.append(conversation, "message.created", item.at, answer)
    created = DurableEvent(
        row.conversation, row.seq, row.type, row.at, {"message": protocol.message(answer, item.sources)}
    )
    if item.wants_person and conversation.status == Conversation.Status.BOT:
        return (created, _change_status(pages, conversation, Conversation.Status.WAITING, item.at))
    return (created,)


_OUTCOME_FIELDS = (
    *("finish", "text", "html", "mode", "error_code", "notice", "search_query", "confidence", "model"),
    *("prompt_tokens", "completion_tokens", "first_text_ms", "total_ms"),
)


def renew_leases(answer_ids: Sequence[uuid.UUID], until: datetime) -> None:
    Message.objects.filter(id__in=answer_ids, pending=True).update(lease_until=until)


def abandoned_answers(now: datetime) -> list[Pending]:
    """Answers whose process no longer renews them: it was killed, or lost the database."""
    rows = Message.objects.filter(pending=True, lease_until__lt=now)
    return [Pending(row.conversation_id, row.id, row.reply_to_id, row.owner) for row in rows[:500]]


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


# --- Reading -----------------------------------------------------------------------------------


def open_conversation(
    visitor: str, wanted: uuid.UUID | None, at: datetime, locale: str, time_zone: str
) -> View | None:
    """The wanted conversation of this visitor, or else the newest open one, made if there is none.

    None when `wanted` is not this visitor's: whose it is, or whether it exists, is not told.
    """
    mine = Conversation.objects.filter(visitor=visitor)
    if wanted is not None:
        row = mine.filter(id=wanted).first()
        return _view(row) if row else None
    row = mine.exclude(status=Conversation.Status.RESOLVED).order_by("-created_at").first()
    return _view(row or _start(visitor, at, locale, time_zone))


def _start(visitor: str, at: datetime, locale: str, time_zone: str) -> Conversation:
    return Conversation.objects.create(
        visitor=visitor, locale=locale, time_zone=time_zone, created_at=at, updated_at=at
    )


def _view(row: Conversation) -> View:
    return View(row.id, row.status, row.last_seq)


def events_after(conversation: uuid.UUID, seq: int) -> tuple[list[DurableEvent], bool]:
    """One page of events after `seq`, oldest first, and whether there are more."""
    rows = list(
        Event.objects.filter(conversation=conversation, seq__gt=seq)
        .select_related("message", "message__feedback")
        .prefetch_related(Prefetch("message__sources", Source.objects.filter(number__isnull=False)))
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
        return _durable(row, None)
    return _durable(row, row.message, row.message.sources.all(), _feedback_value(row.message))


def _feedback_value(message: Message) -> int:
    # A reverse one-to-one raises where there is no row.
    return message.feedback.value if hasattr(message, "feedback") else 0


def last_seqs(conversations: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    rows = Conversation.objects.filter(id__in=list(conversations))
    return dict(rows.values_list("id", "last_seq"))


def pending_answer(conversation: uuid.UUID) -> Pending | None:
    row = Message.objects.filter(conversation=conversation, pending=True).order_by("created_at").first()
    return Pending(row.conversation_id, row.id, row.reply_to_id, row.owner) if row else None


def answer_to(conversation: uuid.UUID, client_message_id: uuid.UUID) -> uuid.UUID | None:
    """The pending answer to the question that the client sent under this id."""
    return (
        Message.objects.filter(
            conversation=conversation, pending=True, reply_to__client_message_id=client_message_id
        )
        .values_list("id", flat=True)
        .first()
    )


@transaction.atomic
def snapshot(visitor: str, conversation: uuid.UUID) -> dict[str, Any] | None:
    """The whole conversation as the page shows it, and the `seq` that it stands at."""
    row = Conversation.objects.filter(visitor=visitor, id=conversation).first()
    if row is None:
        return None
    messages = (
        Message.objects.filter(conversation=row, removed=False, pending=False)
        .select_related("feedback")
        .prefetch_related(Prefetch("sources", Source.objects.filter(number__isnull=False)))
        .order_by("created_at")
    )
    return {
        "conversation": row.id,
        "status": row.status,
        "seq": row.last_seq,
        "messages": [
            protocol.message(message, message.sources.all(), _feedback_value(message)) for message in messages
        ],
    }


# --- Everything else a customer does -----------------------------------------------------------


@transaction.atomic
def set_feedback(
    conversation: uuid.UUID, message_id: uuid.UUID, value: int, reason: str, comment: str, at: datetime
) -> tuple[DurableEvent, ...] | Refused:
    pages = _Pages([conversation])
    message = Message.objects.filter(
        conversation=conversation,
        id=message_id,
        pending=False,
        role__in=[Message.Role.ASSISTANT, Message.Role.STAFF],
    ).first()
    if message is None:
        return Refused("bad_request")
    if value == 0:
        Feedback.objects.filter(message=message).delete()
    else:
        Feedback.objects.update_or_create(
            message=message, defaults={"value": value, "reason": reason, "comment": comment, "at": at}
        )
    event = pages.append(pages.conversations[conversation], "feedback.saved", at, message, {"value": value})
    pages.save()
    return (event,)


@transaction.atomic
def set_csat(conversation: uuid.UUID, score: int, comment: str, at: datetime) -> tuple[DurableEvent, ...]:
    pages = _Pages([conversation])
    Conversation.objects.filter(id=conversation).update(csat_score=score, csat_comment=comment)
    event = pages.append(pages.conversations[conversation], "csat.saved", at, data={"score": score})
    pages.save()
    return (event,)


@transaction.atomic
def request_person(conversation: uuid.UUID, email: str, at: datetime) -> tuple[DurableEvent, ...] | Refused:
    """bot → waiting, told to the customer. Asked again with an address, the address is kept."""
    pages = _Pages([conversation])
    row = pages.conversations[conversation]
    if row.status == Conversation.Status.RESOLVED:
        return Refused("closed")
    if row.status == Conversation.Status.HUMAN or (row.status == Conversation.Status.WAITING and not email):
        return ()
    row.contact_email = email or row.contact_email
    events: tuple[DurableEvent, ...] = ()
    if row.status == Conversation.Status.BOT:
        events = (_change_status(pages, row, Conversation.Status.WAITING, at),)
    events += (_notice(pages, row, _waiting_words(row.contact_email), at),)
    pages.save()
    return events


@transaction.atomic
def withdraw_request(conversation: uuid.UUID, at: datetime) -> tuple[DurableEvent, ...] | Refused:
    """waiting → bot."""
    pages = _Pages([conversation])
    row = pages.conversations[conversation]
    if row.status != Conversation.Status.WAITING:
        return ()
    events = (
        _change_status(pages, row, Conversation.Status.BOT, at),
        _notice(pages, row, "You're no longer waiting for a person. The assistant answers.", at),
    )
    pages.save()
    return events


def _waiting_words(email: str) -> str:
    hours = f"People answer on {settings.OFFICE_HOURS}."
    if email:
        return f"We've asked the team to help. {hours} If you leave this page, the answer goes to {email}."
    return f"We've asked the team to help. {hours} Keep this page open, or leave your e-mail address."


def _change_status(pages: _Pages, row: Conversation, status: str, at: datetime) -> DurableEvent:
    row.status = status
    row.epoch += 1
    return pages.append(row, "conversation.updated", at, data={"status": str(status)})


def _notice(pages: _Pages, row: Conversation, text: str, at: datetime) -> DurableEvent:
    message = Message.objects.create(conversation=row, role=Message.Role.SYSTEM, text=text, created_at=at)
    return pages.append(row, "message.created", at, message)


@transaction.atomic
def start_anew(
    visitor: str, old: uuid.UUID, at: datetime, locale: str, time_zone: str
) -> tuple[View, tuple[DurableEvent, ...]]:
    """Close the old conversation and open a new one. Asked twice, it returns the one already opened."""
    pages = _Pages([old])
    row = pages.conversations[old]
    if row.status == Conversation.Status.RESOLVED:
        newest = Conversation.objects.filter(visitor=visitor).order_by("-created_at").first()
        if newest is not None and newest.status != Conversation.Status.RESOLVED:
            return _view(newest), ()
        return _view(_start(visitor, at, locale, time_zone)), ()
    event = _change_status(pages, row, Conversation.Status.RESOLVED, at)
    pages.save()
    return _view(_start(visitor, at, locale, time_zone)), (event,)
