"""What the mail service tells of a mail, later: in any order, twice, or never.

A state is made from everything that is known of the mail, never from the event at hand alone. So the order
in which events come cannot matter.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from chat.models import DeliveryEvent, TranscriptDelivery
from chat.protocol import DurableEvent
from chat.transcripts.deliveries import State, change
from chat.transcripts.log import Log

_FINAL = {"delivered": State.DELIVERED, "bounce": State.BOUNCED, "dropped": State.DROPPED}
_PASSING = ("processed", "deferred")
KINDS = (*_PASSING, *_FINAL)
"""In the order in which they happen, where the service's clock, which tells seconds, does not say."""
_CHANGEABLE = [state for state in State if state not in (State.WAITING, State.STORED)]


@dataclass(frozen=True, slots=True)
class News:
    """`kind` is one of `KINDS`; `attempt` is the try that the mail came from."""

    event_id: str
    delivery: uuid.UUID
    attempt: int
    kind: str
    at: datetime
    reason: str


def note(news: Iterable[News]) -> list[DurableEvent]:
    """Store what is new of it, and what the customers are to be told."""
    by_delivery: dict[uuid.UUID, list[News]] = {}
    for one in news:
        by_delivery.setdefault(one.delivery, []).append(one)
    told: list[DurableEvent] = []
    for delivery, some in sorted(by_delivery.items()):
        told += _note(delivery, some)
    return told


@transaction.atomic
def _note(delivery: uuid.UUID, news: Sequence[News]) -> tuple[DurableEvent, ...]:
    rows = TranscriptDelivery.objects.filter(id=delivery)
    Log(rows.values_list("conversation_id", flat=True))  # from here on nobody else changes its deliveries
    if (row := rows.first()) is None:
        return ()  # erased, or another site's that has the same account
    DeliveryEvent.objects.bulk_create(
        [
            DeliveryEvent(
                delivery=row,
                service_event_id=one.event_id,
                kind=one.kind,
                attempt=one.attempt,
                at=one.at,
                reason=one.reason[:200],
            )
            for one in news
            if 1 <= one.attempt <= row.attempts
        ],
        ignore_conflicts=True,
    )
    known = list(row.events.filter(attempt__gt=row.resent_after))
    if not known:
        return ()
    last = max(known, key=_moment)
    state = _FINAL.get(last.kind, State.ACCEPTED)
    if row.state == state:
        return ()
    return change(row.id, _CHANGEABLE, state, due_at=None, error=last.reason, event_at=last.at)[1]


def _moment(event: DeliveryEvent) -> tuple[bool, datetime, int]:
    """What is final outweighs what is not; among its equals the latest counts."""
    return event.kind in _FINAL, event.at, KINDS.index(event.kind)
