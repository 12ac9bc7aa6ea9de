"""What a worker does to a delivery: takes it, hands it over, writes down what became of it.

A row that is taken stays queued, with `due_at` moved ahead by the lease: a worker that dies before it hands
the mail over costs a delay and nothing else. Just before the mail goes out the row becomes "sending"; a
worker that dies from then on, or hears no answer, leaves it unknown whether the mail went out. That is
"ambiguous" and is counted. It is sent again some minutes later, unless the service reports of the mail
before: so nothing is lost, and nothing goes out twice but what was ambiguous.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F

from chat.models import TranscriptDelivery
from chat.protocol import DurableEvent
from chat.transcripts.deliveries import Purpose, State, change
from joblynk.clock import database_now

LEASE = timedelta(minutes=2)
"""Longer than rendering and sending take, with every time limit used up."""
TRIES_LAST = timedelta(hours=24)
AMBIGUOUS_WAIT = timedelta(minutes=5)
AMBIGUOUS_TRIES = 3
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=15), timedelta(hours=2)
_UNSENT = (State.QUEUED, State.AMBIGUOUS)
_HANDED_OVER = (State.SENDING, State.AMBIGUOUS)

Events = tuple[DurableEvent, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """One try of one delivery. What is written down of it counts only while the row stands at `attempt`."""

    id: uuid.UUID
    attempt: int
    purpose: Purpose
    conversation: uuid.UUID
    last_message: uuid.UUID
    email: str


def claim() -> tuple[Job | None, Events]:
    """The delivery that is due for longest, which nobody else can now take; and what became of one whose
    worker died. (None, ()) when nothing is due."""
    now = database_now()
    rows = TranscriptDelivery.objects.filter(due_at__lte=now)
    for row in rows.order_by("due_at", "id")[:20]:
        if row.state == State.SENDING:
            events = unclear(_job(row, row.attempts), "the worker died while handing it over")
            if events is not None:
                return None, events
            continue
        mine = rows.filter(id=row.id, attempts=row.attempts, state__in=_UNSENT)
        if mine.update(attempts=F("attempts") + 1, due_at=now + LEASE):
            return _job(row, row.attempts + 1), ()
    return None, ()


def begin(job: Job) -> bool:
    """The mail goes out next. False when this try was taken away: the lease ended, or there is news."""
    now = database_now()
    rows = TranscriptDelivery.objects.filter(id=job.id, attempts=job.attempt, state__in=_UNSENT)
    return bool(rows.filter(due_at__gt=now).update(state=State.SENDING, due_at=now + LEASE))


def accepted(job: Job, service_id: str) -> Events:
    """The service has it. News of the mail may have come before, and stays."""
    TranscriptDelivery.objects.filter(id=job.id, attempts=job.attempt).update(service_id=service_id)
    return _settle(job, State.ACCEPTED, "")


def stored(job: Job) -> Events:
    return _settle(job, State.STORED, "")


def failed(job: Job, error: str) -> Events:
    """It was not sent and will not be, unless an earlier try went out after all."""
    unsure = TranscriptDelivery.objects.filter(id=job.id, ambiguous_tries__gt=0).exists()
    state = State.AMBIGUOUS if unsure else State.FAILED
    return _settle(job, state, error, among=(*_UNSENT, State.SENDING))


def postpone(job: Job, error: str, wait: float | None = None) -> Events:
    """It was not sent: again after a delay that grows with each try, for a day; then it has failed. `wait`:
    seconds that the service asked for."""
    with transaction.atomic():
        row = TranscriptDelivery.objects.filter(id=job.id).first()
        if row is None:
            return ()
        now = database_now()
        delay = _delay(job.attempt - row.resent_after)
        again = now + max(delay, timedelta(seconds=wait or 0))
        if again > row.queued_at + TRIES_LAST:
            return failed(job, error)
        among = (*_UNSENT, State.SENDING)
        _, events = change(job.id, among, State.QUEUED, attempt=job.attempt, due_at=again, error=error[:200])
        return events


def unclear(job: Job, error: str) -> Events | None:
    """Nobody knows whether it was sent. None when somebody else has written down what became of it."""
    with transaction.atomic():
        row = TranscriptDelivery.objects.filter(id=job.id).first()
        if row is None:
            return None
        tries, now = row.ambiguous_tries + 1, database_now()
        again = now + AMBIGUOUS_WAIT
        last = tries >= AMBIGUOUS_TRIES or again > row.queued_at + TRIES_LAST
        values = {"ambiguous_tries": tries, "due_at": None if last else again, "error": error[:200]}
        done, events = change(job.id, (State.SENDING,), State.AMBIGUOUS, attempt=job.attempt, **values)
        return events if done else None


def _settle(job: Job, state: State, error: str, among: Sequence[State] = _HANDED_OVER) -> Events:
    values = {"due_at": None, "error": error[:200]}
    return change(job.id, among, state, attempt=job.attempt, **values)[1]


def _delay(tries: int) -> timedelta:
    """15 s, 30 s, 1 min … 2 h: some two dozen tries in a day."""
    return min(_FIRST_DELAY * (1 << min(tries - 1, 20)), _LONGEST_DELAY)


def _job(row: TranscriptDelivery, attempt: int) -> Job:
    purpose = Purpose(row.purpose)
    return Job(row.id, attempt, purpose, row.conversation_id, row.last_message_id, row.email)
