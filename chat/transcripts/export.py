"""One conversation as its customer may take it away: for e-mails, downloads and exports.

Scores, notes between staff, removed and unfinished messages are not in it.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch

from chat.models import Attachment, Conversation, Message, ShownVideo, Source

ROLES = (Message.Role.USER, Message.Role.ASSISTANT, Message.Role.STAFF, Message.Role.SYSTEM)
"""What is shown to customers. Any other role stays out until it is named here."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A cited passage, as it read when the answer was given. `date` is YYYY-MM-DD or empty, `ocr`: it was
    read from a picture of the page."""

    number: int
    kind: str
    title: str
    heading: str
    page: int | None
    text: str
    url: str
    date: str
    ocr: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """`thumb` is the small copy's name in the default storage; sizes in pixels are the large one's. `text`
    is what was read in it, or what the customer corrected that to."""

    id: uuid.UUID
    name: str
    width: int
    height: int
    thumb: str
    text: str


@dataclass(frozen=True, slots=True)
class Clip:
    """A video that was shown, as it was called then. `start` in seconds."""

    video_id: int
    title: str
    chapter: str
    start: float


@dataclass(frozen=True, slots=True)
class Entry:
    """`html` is sanitised, and empty for what a customer wrote. `error_code` of an answer that failed."""

    id: uuid.UUID
    role: str
    author: str
    at: datetime
    text: str
    html: str
    finish: str
    mode: str
    error_code: str
    notice: str
    reply_to: uuid.UUID | None
    quotes: tuple[Quote, ...] = ()
    pictures: tuple[Picture, ...] = ()
    clips: tuple[Clip, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """Entries oldest first. `time_zone` is the customer's, as the browser named it: it may be empty or
    unknown."""

    conversation: uuid.UUID
    visitor: str
    status: str
    time_zone: str
    locale: str
    began: datetime
    entries: tuple[Entry, ...]

    @property
    def first_question(self) -> str:
        return next((entry.text for entry in self.entries if entry.role == Message.Role.USER), "")


def export(
    conversation: uuid.UUID, *, visitor: str | None = None, until: uuid.UUID | None = None
) -> Transcript | None:
    """None when there is no such conversation, or when it is not `visitor`'s. `until`: the last message."""
    rows = Conversation.objects.filter(id=conversation)
    if visitor is not None:
        rows = rows.filter(visitor=visitor)
    if (row := rows.first()) is None:
        return None
    messages = Message.objects.filter(conversation=row, role__in=ROLES, removed=False, pending=False)
    if until is not None:
        messages = messages.filter(created_at__lte=Message.objects.filter(id=until).values("created_at"))
    messages = messages.prefetch_related(
        Prefetch("sources", Source.objects.filter(number__isnull=False).order_by("number")),
        "attachments",
        "videos",
    ).order_by("created_at", "id")
    entries = tuple(_entry(message) for message in messages)
    return Transcript(row.id, row.visitor, row.status, row.time_zone, row.locale, row.created_at, entries)


def _entry(row: Message) -> Entry:
    return Entry(
        id=row.id,
        role=row.role,
        author=row.author,
        at=row.created_at,
        text=row.text,
        html=row.html,
        finish=row.finish,
        mode=row.mode,
        error_code=row.error_code,
        notice=row.notice,
        reply_to=row.reply_to_id,
        quotes=tuple(_quotes(row.sources.all())),
        pictures=tuple(_pictures(row.attachments.all())),
        clips=tuple(_clips(row.videos.all())),
    )


def _quotes(sources: Iterable[Source]) -> Iterable[Quote]:
    for source in sources:
        if source.number is not None:
            yield Quote(
                source.number,
                source.kind,
                source.title,
                source.heading,
                source.page,
                source.quote,
                source.url,
                source.date,
                source.ocr,
            )


def _pictures(attachments: Iterable[Attachment]) -> Iterable[Picture]:
    for row in attachments:
        yield Picture(row.id, row.name, row.width, row.height, row.thumb.name, row.seen_text)


def _clips(videos: Iterable[ShownVideo]) -> Iterable[Clip]:
    for row in videos:
        yield Clip(row.video_id, row.title, row.chapter, row.start)
