"""A transcript as it is laid out: days, speakers, local times, and what hangs on each message."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from chat.models import Message
from chat.transcripts.export import Clip, Entry, Picture, Quote, Transcript
from chat.words import WORDS

SUBJECT_LENGTH = 80  # characters of the first question
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_BY_MODE: dict[str, str] = {
    Message.Mode.OFFLINE: "Quoted from our guides.",
    Message.Mode.WEB: "From the web, not from our guides.",
}
_BY_FINISH: dict[str, str] = {
    Message.Finish.STOPPED: "You stopped this answer.",
    Message.Finish.INTERRUPTED: "This answer was broken off.",
}

VideoLink = Callable[[int, float], str]
"""(video id, second) → the address where it can be watched, or ""."""


@dataclass(frozen=True, slots=True)
class VideoLine:
    title: str
    where: str
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """One message. `html` is what the server once sanitised, empty for plain text. `remark` says what the
    reader should know of how it came about."""

    role: str
    who: str
    time: str
    text: str
    html: str
    remark: str
    quotes: tuple[Quote, ...]
    pictures: tuple[Picture, ...]
    videos: tuple[VideoLine, ...]


@dataclass(frozen=True, slots=True)
class Day:
    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    site_name: str
    site_url: str
    zone: str
    days: tuple[Day, ...]
    first_question: str

    @property
    def pictures(self) -> list[Picture]:
        return [picture for day in self.days for line in day.lines for picture in line.pictures]


def lay_out(
    transcript: Transcript, *, site_name: str, site_url: str, usual_zone: str, video_link: VideoLink
) -> Sheet:
    """`usual_zone` is used where the customer's is empty or unknown."""
    zone = _zone(transcript.time_zone) or ZoneInfo(usual_zone)
    local = [(entry.at.astimezone(zone), entry) for entry in transcript.entries]
    days = tuple(
        Day(f"{day:%A} {day.day} {day:%B %Y}", tuple(_line(at, entry, video_link) for at, entry in rows))
        for day, rows in groupby(local, key=lambda pair: pair[0].date())
    )
    return Sheet(
        site_name=one_line(site_name),
        site_url=site_url,
        zone=f"{zone} ({_offset(local[-1][0] if local else transcript.began.astimezone(zone))})",
        days=days,
        first_question=transcript.first_question,
    )


def subject(sheet: Sheet) -> str:
    """Names the conversation by its first question; one line, whatever the customer typed."""
    question = one_line(sheet.first_question)
    if len(question) > SUBJECT_LENGTH:
        question = f"{question[:SUBJECT_LENGTH].rsplit(' ', 1)[0]}…"
    return f"{sheet.site_name}: “{question}”" if question else f"Your conversation with {sheet.site_name}"


def one_line(text: str) -> str:
    """Without whatever could end a header, or make it read in another order than it is written."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def clock(seconds: float) -> str:
    """65 → "1:05"."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def place(quote: Quote) -> str:
    """Where in its source a passage stands, and of which day: "Billing, p. 3, as of 22 November 2026"."""
    page, scan = f"p. {quote.page}" if quote.page else "", "read from a scan" if quote.ocr else ""
    parts = [quote.heading, page, scan, _as_of(quote.date)]
    return ", ".join(part for part in parts if part)


def _as_of(day: str) -> str:
    try:
        at = datetime.fromisoformat(day)
    except ValueError:
        return f"as of {day}" if day else ""
    return f"as of {at.day} {at:%B %Y}"


def _line(at: datetime, entry: Entry, video_link: VideoLink) -> Line:
    return Line(
        role=entry.role,
        who=_who(entry),
        time=f"{at:%H:%M}",
        text=entry.text or _instead(entry),
        html=entry.html,
        remark=_remark(entry),
        quotes=tuple(_followable(quote) for quote in entry.quotes),
        pictures=entry.pictures,
        videos=tuple(_videos(entry.clips, video_link)),
    )


def _followable(quote: Quote) -> Quote:
    """No address but one that a browser asks a server for."""
    return quote if quote.url.startswith(("https://", "http://")) else replace(quote, url="")


def _who(entry: Entry) -> str:
    match entry.role:
        case Message.Role.USER:
            return "You"
        case Message.Role.STAFF:
            return f"{one_line(entry.author)} (team)" if entry.author else "Team"
        case Message.Role.SYSTEM:
            return "Notice"
        case _:
            return "Assistant"


def _instead(entry: Entry) -> str:
    """An answer that has no words says why."""
    if entry.role == Message.Role.USER:
        return ""
    return WORDS.get(entry.error_code, "No answer.").format(ref="–", n="a few")


def _remark(entry: Entry) -> str:
    parts = [_BY_MODE.get(entry.mode, ""), _BY_FINISH.get(entry.finish, ""), entry.notice]
    return " ".join(part for part in parts if part)


def _videos(clips: Iterable[Clip], link: VideoLink) -> Iterable[VideoLine]:
    for clip in clips:
        where = f"from {clock(clip.start)}" if clip.start >= 1 else ""
        chapter = f"“{clip.chapter}”" if clip.chapter else ""
        yield VideoLine(
            clip.title, ", ".join(part for part in (where, chapter) if part), link(clip.video_id, clip.start)
        )


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, ValueError, OSError):  # no such zone, or nothing that names one
        return None


def _offset(at: datetime) -> str:
    minutes = int((at.utcoffset() or timedelta()).total_seconds() // 60)
    if not minutes:
        return "UTC"
    sign, minutes = ("\N{MINUS SIGN}" if minutes < 0 else "+"), abs(minutes)
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02}" if minutes % 60 else "")
