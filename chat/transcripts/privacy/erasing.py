"""Erasing: rows, files, mails kept as files, and the bytes that a database leaves behind of deleted rows."""

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from chat.models import AuditEntry, ConfirmedAddress, Conversation, TranscriptDelivery
from chat.transcripts import audit, digests
from chat.transcripts.audit import Actor
from chat.transcripts.privacy import reach
from chat.transcripts.privacy.reach import Holding
from joblynk.providers.mail import forget_files

logger = logging.getLogger(__name__)

OUTSIDE = (
    "backups of the database and of the uploads, until they are overwritten",
    "mails that have been sent, and what the mail service keeps of them",
    "what the language and vision services were sent, for as long as they keep it",
    "files that staff exported, and what the customer's own browser and mailbox hold",
)
"""What an erasure cannot reach. Whoever asked for it is to be told."""

_BATCH = 100  # conversations that are forgotten in one transaction


@dataclass(slots=True)
class Erased:
    """How many rows of each model (by its name), files, and mails kept as files."""

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    mails: int = 0
    whole: bool = True
    """Whether the database has overwritten what the rows left behind."""

    @property
    def anything(self) -> bool:
        return bool(self.rows or self.files or self.mails)

    def words(self) -> list[str]:
        found = [f"{number} {name}" for name, number in sorted(self.rows.items())]
        found += [f"{self.files} files"] if self.files else []
        return found + ([f"{self.mails} mails kept as files"] if self.mails else [])


def erase(visitors: Collection[str], by: Actor | None) -> Erased:
    """Everything of these visitors. Asked again after a crash, it finishes what was begun."""
    with transaction.atomic():
        rows = Conversation.objects.select_for_update().filter(visitor__in=visitors)
        list(rows.order_by("id").values_list("id", flat=True))  # nobody writes to them any more
        erased = _remove(reach.holdings(visitors))
        if erased.anything:
            audit.note(AuditEntry.Action.ERASE, by, timezone.now(), detail=", ".join(erased.words()))
    erased.whole = scrub()
    return erased


def prune(now: datetime | None = None, *, anew: bool = True) -> Erased:
    """Forget conversations in which nothing was said for `KEEP_CONVERSATIONS_DAYS`, and audit entries older
    than `KEEP_AUDIT_DAYS`. 0 keeps them for ever. `anew`: see `scrub`; without it, rows are overwritten as
    they go, and what an earlier change of a row left behind stays until its place is taken."""
    now, whole = now or timezone.now(), Erased()
    if settings.KEEP_CONVERSATIONS_DAYS:
        limit = now - timedelta(days=settings.KEEP_CONVERSATIONS_DAYS)
        while ids := _older(limit):
            with transaction.atomic():
                _add(whole, _remove(reach.holdings_of(ids)))
        kept = Conversation.objects.values("visitor")
        gone, _ = ConfirmedAddress.objects.filter(at__lt=limit).exclude(visitor__in=kept).delete()
        _add(whole, Erased({"confirmed addresses": gone} if gone else {}))
    if settings.KEEP_AUDIT_DAYS:
        limit = now - timedelta(days=settings.KEEP_AUDIT_DAYS)
        gone, _ = AuditEntry.objects.filter(at__lt=limit).delete()
        _add(whole, Erased({"audit entries": gone} if gone else {}))
    if whole.anything:
        audit.note(AuditEntry.Action.PRUNE, None, now, detail=", ".join(whole.words()))
        whole.whole = anew and scrub()
    return whole


def _older(limit: datetime) -> list[uuid.UUID]:
    rows = Conversation.objects.filter(updated_at__lt=limit).order_by("updated_at")
    return list(rows.values_list("id", flat=True)[:_BATCH])


def _remove(holdings: Sequence[Holding]) -> Erased:
    """Rows and files. The files go before the commit: after a crash the rows still tell of them."""
    _overwrite_deleted()
    erased = Erased()
    files = [file for holding in holdings if holding.files for file in _files(holding)]
    deliveries = next(holding.rows for holding in holdings if holding.model is TranscriptDelivery)
    mails = [row.pk.hex for row in deliveries]
    for holding in holdings:
        if number := holding.rows.count():
            erased.rows[str(holding.model._meta.verbose_name_plural)] = number
    for holding in holdings:
        holding.rows.delete()
    for file in files:
        file.storage.delete(str(file.name))
    erased.files = len(files)
    erased.mails = sum(forget_files(delivery) for delivery in mails)
    return erased


def _overwrite_deleted() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def _files(holding: Holding) -> list[FieldFile]:
    return [file for row in holding.rows for name in holding.files if (file := getattr(row, name))]


def _add(whole: Erased, part: Erased) -> None:
    for name, number in part.rows.items():
        whole.rows[name] = whole.rows.get(name, 0) + number
    whole.files += part.files
    whole.mails += part.mails


def scrub() -> bool:
    """Have the database overwrite what deleted rows left in its files. SQLite is written anew, which takes
    seconds for each gigabyte, and writers wait; False when a reader kept the old file alive. PostgreSQL makes
    the space of deleted rows free to be overwritten."""
    if connection.in_atomic_block:
        return False
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for model in reach.paths():
                cursor.execute(f"VACUUM {connection.ops.quote_name(model._meta.db_table)}")
            return True
        digests.optimise()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        busy = cursor.fetchone()[0]
    if busy:
        logger.warning("erased_bytes_remain until=next_checkpoint")
    return not busy
