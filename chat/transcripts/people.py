"""People of the team in a conversation: they take it over, answer, give it back, close it.

Each change of status is one transition under the conversation's row lock. Taking over and closing end every
answer that is still being written, in the same transaction: whatever its process stores later finds nothing
pending and is thrown away, so the assistant never speaks after a takeover.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from chat.assistant.markdown import hosts_in, render
from chat.models import AuditEntry, Conversation, Message
from chat.protocol import DurableEvent
from chat.transcripts import audit
from chat.transcripts.answering import close_answer
from chat.transcripts.log import Log, Refused
from chat.words import WORDS

Status = Conversation.Status
Events = tuple[DurableEvent, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff. `name` is what customers are told."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Done:
    """What happened, and the answers that were being written until then."""

    events: Events = ()
    ended: tuple[uuid.UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Replied:
    message_id: uuid.UUID
    seq: int
    events: Events = ()


@transaction.atomic
def take_over(
    conversation: uuid.UUID, person: Person, at: datetime, *, from_colleague: bool = False
) -> Done | Refused:
    """→ human, for one person: of two who ask, the second learns who was first. `from_colleague`: whoever
    has it, from now on it is this person's."""
    log = Log([conversation])
    row = log.conversations.get(conversation)
    if row is None:
        return Refused("not_found")
    if row.status == Status.RESOLVED:
        return Refused("closed")
    if row.status == Status.HUMAN:
        if row.assignee_id == person.id:
            return Done()
        if row.assignee_id is not None and not from_colleague:
            return Refused("taken", row.assignee_name)
    ended = _end_answers(log, row, at)
    row.assignee_id, row.assignee_name = person.id, person.name
    row.seen_seq = row.last_seq
    events = (
        *ended,
        log.change_status(row, Status.HUMAN, at),
        log.notice(row, f"{person.name} has joined. The assistant is silent until you're done.", at),
    )
    log.save()
    audit.note(AuditEntry.Action.TAKEOVER, person, at, conversation)
    return Done(events, _ids(ended))


@transaction.atomic
def assign(
    conversation: uuid.UUID, person: Person, at: datetime, *, to: Person | None, from_colleague: bool = False
) -> Done | Refused:
    """Whose conversation it is to be. While the customer waits this is between the team, and anybody may
    change it; where a person answers, that one may hand it on, and the customer is told who answers now."""
    log = Log([conversation])
    row = log.conversations.get(conversation)
    if row is None:
        return Refused("not_found")
    if row.status not in (Status.WAITING, Status.HUMAN):
        return Refused("unavailable")
    if row.assignee_id == (to.id if to else None):
        return Done()
    if row.status == Status.HUMAN and to is None:
        return Refused("unavailable")
    if row.status == Status.HUMAN and row.assignee_id not in (None, person.id) and not from_colleague:
        return Refused("taken", row.assignee_name)
    row.assignee_id, row.assignee_name = (to.id, to.name) if to else (None, "")
    row.save(update_fields=["assignee", "assignee_name"])
    events: Events = ()
    if to is not None and row.status == Status.HUMAN:
        events = (
            log.change_status(row, Status.HUMAN, at),
            log.notice(row, f"{to.name} answers from here on.", at),
        )
        log.save()
    audit.note(AuditEntry.Action.ASSIGN, person, at, conversation, f"to {to.name if to else 'nobody'}")
    return Done(events)


@transaction.atomic
def reply(
    conversation: uuid.UUID, person: Person, client_message_id: uuid.UUID, text: str, at: datetime
) -> Replied | Refused:
    """A person's words, in a conversation that is theirs. The same frame again gets the same result."""
    log = Log([conversation])
    row = log.conversations.get(conversation)
    if row is None:
        return Refused("not_found")
    known = row.messages.filter(client_message_id=client_message_id).first()
    if known is not None:
        same = known.role == Message.Role.STAFF and known.text == text
        return Replied(known.id, row.last_seq) if same else Refused("conflict")
    if row.status != Status.HUMAN or row.assignee_id != person.id:
        return Refused("not_yours")
    message = Message.objects.create(
        conversation=row,
        role=Message.Role.STAFF,
        author=person.name,
        text=text,
        html=render(text, hosts=hosts_in([text])),  # a person's own links are meant
        reply_to=row.messages.filter(role=Message.Role.USER).order_by("-created_at").first(),
        client_message_id=client_message_id,
        created_at=at,
    )
    event = log.append(row, "message.created", at, message)
    row.reply_due_at = at + timedelta(seconds=settings.REPLY_MAIL_SECONDS)
    log.save()
    return Replied(message.id, event.seq, (event,))


@transaction.atomic
def give_back(
    conversation: uuid.UUID, person: Person, at: datetime, *, from_colleague: bool = False
) -> Done | Refused:
    """human → bot. The boundary is visible; what the person said stays the assistant's context."""
    log = Log([conversation])
    row = log.conversations.get(conversation)
    if row is None:
        return Refused("not_found")
    if row.status != Status.HUMAN:
        return Done()
    if row.assignee_id != person.id and not from_colleague:
        return Refused("not_yours")
    who = row.assignee_name or person.name
    events = (
        log.change_status(row, Status.BOT, at),
        log.notice(row, f"{who} has left. The assistant answers again.", at),
    )
    log.save()
    audit.note(AuditEntry.Action.RELEASE, person, at, conversation)
    return Done(events)


@transaction.atomic
def resolve(
    conversation: uuid.UUID, person: Person, at: datetime, *, from_colleague: bool = False
) -> Done | Refused:
    """→ resolved. The customer can begin a new conversation."""
    log = Log([conversation])
    row = log.conversations.get(conversation)
    if row is None:
        return Refused("not_found")
    if row.status == Status.RESOLVED:
        return Done()
    if row.status == Status.HUMAN and row.assignee_id != person.id and not from_colleague:
        return Refused("taken", row.assignee_name)
    ended = _end_answers(log, row, at)
    events = (
        *ended,
        log.notice(row, f"{person.name} has closed this conversation.", at),
        log.change_status(row, Status.RESOLVED, at),
    )
    log.save()
    audit.note(AuditEntry.Action.RESOLVE, person, at, conversation)
    return Done(events, _ids(ended))


def seen(conversation: uuid.UUID, seq: int) -> None:
    """The customer has seen everything up to `seq`: what a person said until then goes by no mail."""
    rows = Conversation.objects.filter(id=conversation, status=Status.HUMAN, seen_seq__lt=seq)
    rows.filter(last_seq__gte=seq).update(seen_seq=seq)
    # Only when nothing that came later is unseen.
    Conversation.objects.filter(id=conversation, last_seq__lte=seq, reply_due_at__isnull=False).update(
        reply_due_at=None
    )


def waiting() -> int:
    return Conversation.objects.filter(status=Status.WAITING).count()


def refusal_words(refused: Refused) -> str:
    return WORDS[refused.code].format(ref="", who=refused.who or "Somebody else")


def _end_answers(log: Log, row: Conversation, at: datetime) -> Events:
    pending = list(row.messages.filter(pending=True).order_by("created_at"))
    for answer in pending:
        close_answer(row, answer)
        answer.removed = True
        answer.save(update_fields=["pending", "removed"])
    return tuple(log.append(row, "message.removed", at, answer) for answer in pending)


def _ids(ended: Events) -> tuple[uuid.UUID, ...]:
    return tuple(event.data["id"] for event in ended)
