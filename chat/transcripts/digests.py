"""Conversations as they are searched: made in the background, so that the live path pays nothing for it."""

import re
import time
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from chat.models import Attachment, Conversation, Digest, Message, TranscriptDelivery

BATCH = 100  # conversations in one transaction: other writers wait no longer than for that
_ROWS = 200  # messages read at once: a long conversation may have thousands
OVERLAP = timedelta(minutes=5)
"""A transaction may commit after one that began later: so much of the past is looked at again."""
_LONGEST_WORD, _MOST_WORDS = 64, 20_000
_WORD = re.compile(r"[^\W_]+")


def catch_up(seconds: float) -> bool:
    """Digest what was said since, oldest first, for so long; True if more is left."""
    until = time.monotonic() + seconds
    while batch := _outdated():
        digest(batch)
        if time.monotonic() > until:
            return True
    return False


def _outdated() -> list[uuid.UUID]:
    newest = Digest.objects.aggregate(at=Max("at"))["at"]
    rows = Conversation.objects.filter(last_seq__gt=0).exclude(digest__seq=F("last_seq"))
    if newest is not None:  # and not from before the clock was put back
        rows = rows.filter(updated_at__gte=min(newest, timezone.now()) - OVERLAP)
    return list(rows.order_by("updated_at").values_list("id", flat=True)[:BATCH])


@dataclass(slots=True)
class _Draft:
    """Keeps the words and lets go of the texts: together those of a batch may be very long."""

    row: Digest
    words: set[str] = field(default_factory=set)

    def add(self, *texts: str) -> None:
        if len(self.words) < _MOST_WORDS:
            self.words |= words(texts)


def digest(conversations: Sequence[uuid.UUID]) -> None:
    """Replace the digests of these conversations by new ones, in their order."""
    with transaction.atomic():
        drafts = {
            row.id: _Draft(
                Digest(conversation=row, seq=row.last_seq, at=row.updated_at),
                words([str(row.id), row.id.hex, row.visitor, row.contact_email, row.csat_comment]),
            )
            for row in Conversation.objects.filter(id__in=conversations).order_by("updated_at")
        }
        _add_messages(drafts)
        _add_pictures(drafts)
        _add_addresses(drafts)
        for draft in drafts.values():
            draft.row.words = " ".join(sorted(draft.words))
        Digest.objects.filter(conversation__in=drafts).delete()
        Digest.objects.bulk_create([draft.row for draft in drafts.values()])


def _add_messages(drafts: dict[uuid.UUID, _Draft]) -> None:
    rows = Message.objects.filter(conversation__in=drafts, removed=False, pending=False).values_list(
        "conversation_id", "text", "finish", "feedback__value", "feedback__comment", "videos__id"
    )
    for conversation, text, finish, value, comment, video in rows.iterator(chunk_size=_ROWS):
        draft = drafts[conversation]
        draft.add(text, comment or "")
        draft.row.not_found |= finish == Message.Finish.NO_ANSWER
        draft.row.failed |= finish in (Message.Finish.ERROR, Message.Finish.INTERRUPTED)
        draft.row.not_helpful |= value == -1
        draft.row.videos |= video is not None


def _add_pictures(drafts: dict[uuid.UUID, _Draft]) -> None:
    for row in Attachment.objects.filter(message__conversation__in=drafts).select_related("message"):
        if row.message is not None:
            draft = drafts[row.message.conversation_id]
            draft.row.pictures = True
            draft.add(row.name, row.seen_text, row.description)


def _add_addresses(drafts: dict[uuid.UUID, _Draft]) -> None:
    rows = TranscriptDelivery.objects.filter(conversation__in=drafts)
    for conversation, email in rows.values_list("conversation_id", "email"):
        drafts[conversation].add(email)


def words(texts: Iterable[str]) -> set[str]:
    """The words of the texts as the index knows them: lower case, no accents, no marks."""
    found: set[str] = set()
    for text in texts:
        plain = text
        if not text.isascii():
            spread = unicodedata.normalize("NFKD", text)
            plain = "".join(char for char in spread if not unicodedata.combining(char))
        found.update(word[:_LONGEST_WORD] for word in _WORD.findall(plain.lower()))
        if len(found) > _MOST_WORDS:
            break
    return found


def optimise() -> None:
    """Have SQLite's index forget what was removed from it, bytes and all."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO chat_digest_index(chat_digest_index) VALUES ('optimize')")
