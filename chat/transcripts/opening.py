"""Which conversation a customer is in."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from chat.models import Conversation
from chat.protocol import DurableEvent
from chat.transcripts.log import Log


@dataclass(frozen=True, slots=True)
class View:
    """A conversation as a socket needs it."""

    id: uuid.UUID
    status: str
    last_seq: int


def open_conversation(
    visitor: str, wanted: uuid.UUID | None, at: datetime, locale: str, time_zone: str
) -> View | None:
    """The wanted conversation of this visitor, or else the newest open one, made if there is none.

    None when `wanted` is not this visitor's: whose it is, or whether it exists, is not told.
    """
    if wanted is not None:
        row = Conversation.objects.filter(visitor=visitor, id=wanted).first()
        return view_of(row) if row else None
    return view_of(_newest_open(visitor) or _newest_or_new(visitor, at, locale, time_zone))


def _newest_open(visitor: str) -> Conversation | None:
    mine = Conversation.objects.filter(visitor=visitor).exclude(status=Conversation.Status.RESOLVED)
    return mine.order_by("-created_at").first()


@transaction.atomic
def _newest_or_new(visitor: str, at: datetime, locale: str, time_zone: str) -> Conversation:
    """Two tabs that open at once are to share one. SQLite has one transaction at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [visitor])
    return _newest_open(visitor) or start(visitor, at, locale, time_zone)


@transaction.atomic
def start_anew(
    visitor: str, old: uuid.UUID, at: datetime, locale: str, time_zone: str
) -> tuple[View, tuple[DurableEvent, ...]]:
    """Close the old conversation and open a new one. Asked twice, it returns the one already opened."""
    log = Log([old])
    row = log.conversations[old]
    if row.status == Conversation.Status.RESOLVED:
        return view_of(_newest_or_new(visitor, at, locale, time_zone)), ()
    event = log.change_status(row, Conversation.Status.RESOLVED, at)
    log.save()
    return view_of(start(visitor, at, locale, time_zone)), (event,)


def start(visitor: str, at: datetime, locale: str, time_zone: str) -> Conversation:
    return Conversation.objects.create(
        visitor=visitor, locale=locale, time_zone=time_zone, created_at=at, updated_at=at
    )


def view_of(row: Conversation) -> View:
    return View(row.id, row.status, row.last_seq)
