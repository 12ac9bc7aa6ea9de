"""Who reads a source, and when: a lease that ends by itself when its worker dies.

`due_at` says from when on a worker may take a source. Taking it moves `due_at` ahead by `LEASE`, which
the worker does again and again while it works. So nothing has to notice a dead worker: its sources
become due.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q, QuerySet

from joblynk.clock import database_now
from knowledge.library.index import Kind
from knowledge.library.sources import MODELS
from knowledge.models import Document, Faq

LEASE = timedelta(seconds=60)
DELAYS = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5))
"""Before the first, second and third retry."""
_BEAT_SECONDS = 5.0
_STOPPED = (
    "Reading this stopped the worker several times. Save it in a simpler format, or split it, and upload "
    "the new copy."
)


class Due(NamedTuple):
    kind: Kind
    source_id: int


@dataclass(slots=True)
class Lease:
    """The right to read `row`, until `until`."""

    kind: Kind
    row: Document | Faq
    until: datetime
    _beaten: float

    def beat(self) -> None:
        """Still alive; written down every few seconds at most. A lease that is lost stays lost: the
        content changed meanwhile, or this process slept."""
        if monotonic() - self._beaten < _BEAT_SECONDS:
            return
        until = database_now() + LEASE
        if self._rows().update(due_at=until):
            self.until = until
        self._beaten = monotonic()

    def postpone(self, words: str) -> datetime | None:
        """It did not work. When it will be tried again; None when it has failed for good, or when the
        source changed and is due anyway."""
        tried = self.row.attempts
        if tried > len(DELAYS):
            self._rows().update(due_at=None, **_failed(self.kind, words))
            return None
        again = database_now() + DELAYS[tried - 1]
        return again if self._rows().update(due_at=again, **_pending(self.kind)) else None

    def hand_back(self) -> None:
        """Whoever is free may take it at once, and this was no attempt."""
        self._rows().update(due_at=database_now(), attempts=F("attempts") - 1, **_pending(self.kind))

    def release(self) -> None:
        """Nothing is left to do for the content that was taken."""
        self._rows().update(due_at=None, attempts=0)

    def _rows(self) -> QuerySet[Document] | QuerySet[Faq]:
        return MODELS[self.kind].objects.filter(pk=self.row.pk, due_at=self.until)


def ask(kind: Kind, source_ids: list[int]) -> int:
    """Have sources read as soon as a worker is free, with all their attempts; returns how many exist."""
    rows = MODELS[kind].objects.filter(pk__in=source_ids)
    return rows.update(due_at=database_now(), attempts=0, **_pending(kind))


def claim(kind: Kind, source_id: int) -> Lease | None:
    """The lease, or None: somebody has it, nothing is to do, it is gone, or it has killed its workers."""
    now = database_now()
    with transaction.atomic():
        rows = MODELS[kind].objects.filter(pk=source_id, due_at__lte=now)
        if rows.filter(attempts__gt=len(DELAYS)).update(due_at=None, **_failed(kind, _STOPPED)):
            return None
        values = {"state": Document.State.READING, "error": ""} if kind == "document" else {}
        if not rows.update(due_at=now + LEASE, attempts=F("attempts") + 1, **values):
            return None
        row = MODELS[kind].objects.get(pk=source_id)
    return Lease(kind, row, now + LEASE, monotonic())


def due(limit: int) -> list[Due]:
    """Sources that wait for a worker, longest first, documents and FAQs alike."""
    now = database_now()
    found: list[tuple[datetime, Due]] = []
    for kind, model in MODELS.items():
        rows = model.objects.filter(due_at__lte=now).order_by("due_at", "pk")
        found += [(at, Due(kind, pk)) for pk, at in rows.values_list("pk", "due_at")[:limit] if at]
    return [what for _, what in sorted(found)[:limit]]


def unfinished(recipe: str) -> bool:
    """A source is waiting, was left behind in the middle, or was read under another recipe."""
    busy = Q(due_at__isnull=False) | ~Q(indexed_recipe=recipe)
    left = Q(state__in=[Document.State.PENDING, Document.State.READING, Document.State.EMBEDDING])
    return Document.objects.filter(busy | left).exists() or Faq.objects.filter(busy).exists()


def _pending(kind: Kind) -> dict[str, str]:
    return {"state": Document.State.PENDING, "error": ""} if kind == "document" else {}


def _failed(kind: Kind, words: str) -> dict[str, str]:
    return {"state": Document.State.FAILED, "error": words} if kind == "document" else {}
