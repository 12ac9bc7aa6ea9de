"""The outbox of transcripts: asked for, confirmed, sent again.

Whatever changes a delivery holds the lock of its conversation, so that the state and the event that tells
the customer of it are one. Locks are taken in this order: conversation, mailbox, network.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from chat.models import ConfirmedAddress, Conversation, Message, TranscriptDelivery
from chat.protocol import DurableEvent
from chat.transcripts.export import ROLES
from chat.transcripts.log import Log, Refused
from joblynk.clock import database_now

State = TranscriptDelivery.State
Purpose = TranscriptDelivery.Purpose
CONFIRMATION_LASTS = timedelta(hours=24)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_UNCONFIRMED = (State.WAITING, State.BOUNCED, State.DROPPED, State.FAILED)
"""Of a transcript that was never tried: it waits, or its confirmation did not arrive."""
RESENDABLE = (
    State.ACCEPTED,
    State.DELIVERED,
    State.BOUNCED,
    State.DROPPED,
    State.FAILED,
    State.AMBIGUOUS,
    State.STORED,
)


@dataclass(frozen=True, slots=True)
class TranscriptRequest:
    """`email` is exactly one valid address; `network` names where it came from, hashed, or is empty."""

    conversation: uuid.UUID
    email: str
    network: str


def mask(email: str) -> str:
    """Enough to know one's own address by, and no more: m…@example.com."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}…@{domain}"


def mailbox_of(address: str) -> str:
    """The mailbox behind an address in lower case: `name+tag@host` is `name@host`."""
    name, _, domain = address.rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"


def status(row: TranscriptDelivery, state: str = "") -> dict[str, Any]:
    """What the customer is told of it. To be handed over is no news: it is still on its way."""
    state = state or row.state
    shown = State.QUEUED if state == State.SENDING else state
    return {"delivery": str(row.id), "email": mask(row.email), "state": str(shown)}


def shown_deliveries(conversation: uuid.UUID) -> list[dict[str, Any]]:
    """What became of each transcript of a conversation, in the order of asking."""
    rows = TranscriptDelivery.objects.filter(conversation=conversation, purpose=Purpose.TRANSCRIPT)
    return [status(row) for row in rows.order_by("created_at")]


# --- Asking --------------------------------------------------------------------------------------


@transaction.atomic
def request_transcript(request: TranscriptRequest, at: datetime) -> tuple[DurableEvent, ...] | Refused:
    """Put the transcript up to the last message in the outbox, and the question whether the address wants
    it, unless this visitor has confirmed it. Asked twice for the same, it does nothing more."""
    log = Log([request.conversation])
    conversation = log.conversations.get(request.conversation)
    last = _last_message(request.conversation)
    if conversation is None or last is None:
        return Refused("nothing_said")
    address = request.email.lower()
    wanted = TranscriptDelivery.objects.filter(purpose=Purpose.TRANSCRIPT, address=address)
    if wanted.filter(conversation=conversation, last_message=last).exists():
        return ()
    confirmed = is_confirmed(conversation.visitor, address)
    if refused := _over_limit(conversation, request, confirmed):
        return refused
    row = _row(request, last, at, state=State.QUEUED if confirmed else State.WAITING)
    row.save(force_insert=True)
    if not confirmed:
        _row(request, last, at, purpose=Purpose.CONFIRMATION).save(force_insert=True)
    event = log.append(conversation, "transcript.status", at, data=status(row))
    log.save()
    return (event,)


def is_confirmed(visitor: str, address: str) -> bool:
    if not settings.TRANSCRIPT_CONFIRMATION:
        return True
    return ConfirmedAddress.objects.filter(visitor=visitor, address=address).exists()


def _last_message(conversation: uuid.UUID) -> Message | None:
    shown = Message.objects.filter(conversation=conversation, role__in=ROLES, removed=False, pending=False)
    return shown.order_by("-created_at", "-id").first()


def _row(request: TranscriptRequest, last: Message, at: datetime, **values: Any) -> TranscriptDelivery:
    address = request.email.lower()
    row = TranscriptDelivery(
        conversation_id=request.conversation,
        last_message=last,
        email=request.email,
        address=address,
        mailbox=mailbox_of(address),
        network=request.network,
        created_at=at,
        queued_at=at,
        updated_at=at,
        **{"state": State.QUEUED, **values},
    )
    row.due_at = at if row.state == State.QUEUED else None
    return row


def _over_limit(conversation: Conversation, request: TranscriptRequest, confirmed: bool) -> Refused | None:
    """Counts what went before under locks, so that of many at once no more than the limit pass. Transcripts
    that wait for a stranger's click do not use up what the owner of a mailbox may have."""
    mailbox, now = mailbox_of(request.email.lower()), database_now()
    _lock_all(mailbox, request.network)
    asked = TranscriptDelivery.objects.filter(purpose=Purpose.TRANSCRIPT)
    if asked.filter(conversation=conversation).count() >= settings.TRANSCRIPTS_PER_CONVERSATION:
        return Refused("too_many_transcripts")
    nearby = asked.filter(network=request.network, created_at__gt=now - _HOUR)
    if request.network and nearby.count() >= settings.TRANSCRIPTS_PER_NETWORK_HOUR:
        return Refused("too_many_transcripts")
    sent = asked if confirmed else TranscriptDelivery.objects.filter(purpose=Purpose.CONFIRMATION)
    if _sent_to(sent, mailbox, now) >= settings.TRANSCRIPTS_PER_MAILBOX_DAY:
        return Refused("too_many_for_address")
    return None


def _sent_to(rows: QuerySet[TranscriptDelivery], mailbox: str, now: datetime) -> int:
    lately = rows.filter(mailbox=mailbox, queued_at__gt=now - _DAY)
    return lately.exclude(state__in=_UNCONFIRMED, attempts=0).count()


def _lock_all(*names: str) -> None:
    """Until the transaction ends. SQLite has one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for name in filter(None, names):
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [name])


# --- Confirming ----------------------------------------------------------------------------------


def confirmation(delivery: uuid.UUID) -> TranscriptDelivery | None:
    """The question behind a link, while it may still be answered."""
    since = database_now() - CONFIRMATION_LASTS
    rows = TranscriptDelivery.objects.filter(purpose=Purpose.CONFIRMATION, created_at__gt=since)
    return rows.filter(id=delivery).select_related("conversation").first()


@transaction.atomic
def confirm(delivery: uuid.UUID, at: datetime) -> list[DurableEvent] | None:
    """The owner of the mailbox has said yes: what waited for it is queued, newest first, as far as the
    limits go. None when the link is too old, or was never given."""
    if (asked := confirmation(delivery)) is None:
        return None
    visitor = asked.conversation.visitor
    waiting = TranscriptDelivery.objects.filter(
        conversation__visitor=visitor,
        address=asked.address,
        purpose=Purpose.TRANSCRIPT,
        state__in=_UNCONFIRMED,
        attempts=0,
    )
    log = Log(waiting.values_list("conversation_id", flat=True))
    _lock_all(asked.mailbox)
    ConfirmedAddress.objects.get_or_create(visitor=visitor, address=asked.address, defaults={"at": at})
    sent = TranscriptDelivery.objects.filter(purpose=Purpose.TRANSCRIPT)
    room = settings.TRANSCRIPTS_PER_MAILBOX_DAY - _sent_to(sent, asked.mailbox, database_now())
    events = []
    for row in waiting.filter(conversation__in=list(log.conversations)).order_by("-created_at"):
        released = room > 0 and row.created_at > at - CONFIRMATION_LASTS
        room -= released
        row.state = State.QUEUED if released else State.FAILED
        row.error = "" if released else "confirmed too late, or over the limit of the day"
        row.queued_at = row.updated_at = at
        row.due_at = at if released else None
        row.save(update_fields=["state", "error", "queued_at", "due_at", "updated_at"])
        conversation = log.conversations[row.conversation_id]
        events.append(log.append(conversation, "transcript.status", at, data=status(row)))
    log.save()
    return events


# --- Changing ------------------------------------------------------------------------------------


@transaction.atomic
def change(
    delivery: uuid.UUID, among: Sequence[str], state: str, *, attempt: int | None = None, **values: Any
) -> tuple[bool, tuple[DurableEvent, ...]]:
    """Move a delivery that is in one of these states, and at this try, to another state. Whether it was,
    and what its customer is told."""
    rows = TranscriptDelivery.objects.filter(id=delivery)
    conversation = rows.values_list("conversation_id", flat=True).first()
    if conversation is None:
        return False, ()
    log = Log([conversation])
    if attempt is not None:
        rows = rows.filter(attempts=attempt)
    row = rows.filter(state__in=among).first()
    if row is None:
        return False, ()
    before, at = status(row), timezone.now()
    if not rows.filter(state=row.state).update(state=state, updated_at=at, **values):
        return False, ()  # a worker has begun to hand it over in this very moment
    if row.purpose == Purpose.CONFIRMATION:
        return True, _tell_who_waits(row, state)
    if row.purpose == Purpose.REPLY:
        return True, ()
    now = status(row, state)
    if now == before:
        return True, ()
    event = log.append(log.conversations[conversation], "transcript.status", at, data=now)
    log.save()
    return True, (event,)


def _tell_who_waits(confirmation: TranscriptDelivery, state: str) -> tuple[DurableEvent, ...]:
    """Nobody can click in a mail that did not arrive."""
    if state not in (State.BOUNCED, State.DROPPED, State.FAILED):
        return ()
    waiting = TranscriptDelivery.objects.filter(
        conversation=confirmation.conversation_id,
        last_message=confirmation.last_message_id,
        address=confirmation.address,
        purpose=Purpose.TRANSCRIPT,
    ).first()
    return change(waiting.id, (State.WAITING,), state)[1] if waiting else ()


def resend(deliveries: Iterable[uuid.UUID]) -> tuple[int, list[DurableEvent]]:
    """Staff have mails sent once more, each with a day of tries of its own; not what is still on its way, or
    was never confirmed. How many that were, and what the customers are told."""
    sent = 0
    told: list[DurableEvent] = []
    tried = TranscriptDelivery.objects.filter(attempts__gt=0, state__in=RESENDABLE)
    for row in tried.filter(id__in=list(deliveries)):
        now = database_now()
        fresh = {"resent_after": row.attempts, "queued_at": now, "due_at": now, "error": ""}
        done, events = change(row.id, RESENDABLE, State.QUEUED, attempt=row.attempts, **fresh)
        sent += done
        told += events
    return sent, told
