"""Who of the staff read, took away or erased what. Written with what it tells of, never changed."""

import uuid
from datetime import datetime
from typing import Protocol

from chat.models import AuditEntry


class Actor(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...


def note(
    action: AuditEntry.Action,
    actor: Actor | None,
    at: datetime,
    conversation: uuid.UUID | None = None,
    detail: str = "",
) -> None:
    """`actor` is None for whoever has the command line, and for the worker."""
    AuditEntry.objects.create(
        at=at,
        actor_id=actor.id if actor else None,
        actor_name=actor.name if actor else "the server itself",
        action=action,
        conversation=conversation,
        detail=detail[:300],
    )
