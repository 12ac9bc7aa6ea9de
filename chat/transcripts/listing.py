"""The list of conversations for staff: filtered, searched, newest first, a page at a time.

No page counts all rows and none skips any: each begins where the one before it ended. What is said now stands
in the list at once; filters and search look at the digests, which are some seconds behind.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from django.db import connection
from django.db.models import BooleanField, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.utils import timezone

from chat.models import Attachment, Conversation, Digest, Message, ShownVideo
from chat.transcripts.digests import words

PAGE = 40
SEARCH_WORDS = 8
Outcome = Literal["", "not_found", "not_helpful", "failed", "pictures", "videos"]
OUTCOMES: tuple[Outcome, ...] = ("not_found", "not_helpful", "failed", "pictures", "videos")
STATES = ("", "waiting", "unassigned", "mine", "human", "bot", "resolved")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is to show. `state`: of STATES; dates in the site's time zone, both included."""

    state: str = ""
    outcome: Outcome = ""
    since: date | None = None
    until: date | None = None
    words: str = ""
    after: str = ""
    """Where the page before this one ended."""


@dataclass(frozen=True, slots=True)
class Line:
    """One conversation in the list."""

    id: uuid.UUID
    status: str
    status_words: str
    assignee: str
    """Who answers, or is to."""
    who: str
    first_question: str
    questions: int
    not_found: int
    not_helpful: int
    pictures: bool
    videos: bool
    csat: int | None
    waiting_since: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """`next`: what `Wanted.after` has to be for the page after this one; "" when there is none."""

    lines: tuple[Line, ...]
    next: str


def page(wanted: Wanted, reader: int) -> Page:
    """`reader` is the account that "mine" means."""
    find = _digested if wanted.words.strip() or wanted.outcome else _plain
    ids, following = find(wanted, reader)
    return Page(tuple(_lines(ids)), following)


def counts(reader: int) -> dict[str, int]:
    """Of what somebody has to do something about."""
    with_people = [Conversation.Status.WAITING, Conversation.Status.HUMAN]
    states = ("waiting", "unassigned", "mine")
    found = Conversation.objects.filter(status__in=with_people).aggregate(
        **{state: Count("pk", filter=_state(state, reader)) for state in states}
    )
    return dict(found)


# --- Which conversations -----------------------------------------------------------------------


def _plain(wanted: Wanted, reader: int) -> tuple[list[uuid.UUID], str]:
    rows = Conversation.objects.filter(_state(wanted.state, reader), _dates(wanted, "updated_at"))
    rows = rows.filter(last_seq__gt=0)  # a page that was opened and never written to is no conversation
    cursor = _cursor(wanted.after)
    if wanted.state in ("waiting", "unassigned"):  # who waits longest comes first
        key, rows = "waiting_since", rows.order_by("waiting_since", "id")
        if cursor is not None:
            rows = rows.filter(waiting_since__gte=cursor[0])
            rows = rows.exclude(waiting_since=cursor[0], id__lte=cursor[1])
    else:
        key, rows = "updated_at", rows.order_by("-updated_at", "-id")
        if cursor is not None:
            rows = rows.filter(updated_at__lte=cursor[0]).exclude(updated_at=cursor[0], id__gte=cursor[1])
    found = list(rows.values_list("id", key)[: PAGE + 1])
    following = ""
    if len(found) > PAGE:
        last, at = found[PAGE - 1]
        following = f"{at.isoformat()}_{last.hex}"
    return [key for key, _ in found[:PAGE]], following


def _cursor(after: str) -> tuple[datetime, uuid.UUID] | None:
    """Where the page before ended; None for what nobody gave out."""
    stamp, _, last = after.partition("_")
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC), uuid.UUID(last)
    except (ValueError, OverflowError):
        return None


def _digested(wanted: Wanted, reader: int) -> tuple[list[uuid.UUID], str]:
    rows = Digest.objects.filter(_dates(wanted, "at"))
    if wanted.state:
        rows = rows.filter(_state(wanted.state, reader, "conversation__"))
    if wanted.outcome:
        rows = rows.filter(**{wanted.outcome: True})
    if wanted.words.strip():
        rows = rows.filter(_matching(wanted.words))
    if wanted.after.isdigit():
        rows = rows.filter(id__lt=min(int(wanted.after), 2**63 - 1))
    found = list(rows.order_by("-id").values_list("id", "conversation_id")[: PAGE + 1])
    return [key for _, key in found[:PAGE]], str(found[PAGE - 1][0]) if len(found) > PAGE else ""


def _matching(text: str) -> RawSQL:
    """Digests that hold each of the words, or a longer one that begins with it."""
    wanted = sorted(words([text]))[:SEARCH_WORDS]
    if not wanted:
        return RawSQL("1 = 0", (), BooleanField())
    if connection.vendor == "postgresql":
        statement = "to_tsvector('simple', chat_digest.words) @@ to_tsquery('simple', %s)"
        query = " & ".join(f"'{word}':*" for word in wanted)
    else:
        statement = "chat_digest.id IN (SELECT rowid FROM chat_digest_index WHERE chat_digest_index MATCH %s)"
        query = " AND ".join(f'"{word}"*' for word in wanted)
    return RawSQL(statement, (query,), BooleanField())  # noqa: S611 - the words are letters and digits


def _state(state: str, reader: int, before: str = "") -> Q:
    match state:
        case "":
            return Q()
        case "mine":
            open_to_people = [Conversation.Status.WAITING, Conversation.Status.HUMAN]
            return Q(**{f"{before}status__in": open_to_people, f"{before}assignee": reader})
        case "unassigned":
            return Q(**{f"{before}status": Conversation.Status.WAITING, f"{before}assignee": None})
        case _:
            return Q(**{f"{before}status": state})


def _dates(wanted: Wanted, field: str) -> Q:
    found = Q()
    if wanted.since is not None:
        found &= Q(**{f"{field}__gte": _midnight(wanted.since)})
    if wanted.until is not None and wanted.until < date.max:
        found &= Q(**{f"{field}__lt": _midnight(wanted.until + timedelta(days=1))})
    return found


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


# --- How they are shown ------------------------------------------------------------------------


def _lines(ids: Sequence[uuid.UUID]) -> Iterable[Line]:
    mine = Message.objects.filter(conversation=OuterRef("pk"), removed=False)
    asked = mine.filter(role=Message.Role.USER)
    rows: dict[uuid.UUID, Any] = (
        Conversation.objects.filter(id__in=ids)
        .annotate(
            first_text=Subquery(asked.order_by("created_at").values("text")[:1]),
            questions=_number_of(asked),
            not_found=_number_of(mine.filter(finish=Message.Finish.NO_ANSWER)),
            not_helpful=_number_of(mine.filter(feedback__value=-1)),
            has_pictures=Exists(Attachment.objects.filter(message__conversation=OuterRef("pk"))),
            has_videos=Exists(ShownVideo.objects.filter(message__conversation=OuterRef("pk"))),
        )
        .in_bulk()
    )
    for row in (rows[key] for key in ids if key in rows):
        yield Line(
            id=row.id,
            status=row.status,
            status_words=row.get_status_display(),
            assignee=row.assignee_name,
            who=row.contact_email or f"Visitor {row.visitor[:4]}",
            first_question=row.first_text or "",
            questions=row.questions,
            not_found=row.not_found,
            not_helpful=row.not_helpful,
            pictures=row.has_pictures,
            videos=row.has_videos,
            csat=row.csat_score,
            waiting_since=row.waiting_since,
            updated_at=row.updated_at,
        )


def _number_of(rows: QuerySet[Message]) -> Coalesce:
    counted = rows.order_by().values("conversation").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
