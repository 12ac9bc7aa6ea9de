"""When people answer: `OFFICE_TIMES` ("mon-fri 09:00-18:00, sat 10:00-13:00") in `OFFICE_TIME_ZONE`."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(rf"({'|'.join(_DAYS)})(?:-({'|'.join(_DAYS)}))? (\d\d:\d\d)-(\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Span:
    """Opening hours of some days of the week, Monday being 0."""

    days: frozenset[int]
    opens: time
    closes: time


def parse(times: str) -> tuple[Span, ...]:
    """Raises ValueError for what cannot be read, or closes before it opens."""
    return tuple(_span(part.strip().lower()) for part in times.split(",") if part.strip())


def _span(part: str) -> Span:
    found = _SPAN.fullmatch(part)
    if found is None:
        raise ValueError(part)
    first, last = _DAYS.index(found[1]), _DAYS.index(found[2] or found[1])
    opens, closes = time.fromisoformat(found[3]), time.fromisoformat(found[4])
    if opens >= closes or last < first:
        raise ValueError(part)
    return Span(frozenset(range(first, last + 1)), opens, closes)


def opens_next(now: datetime) -> datetime | None:
    """When somebody answers again; None while the office is open, or never said to be closed."""
    spans = parse(settings.OFFICE_TIMES)
    here = now.astimezone(ZoneInfo(settings.OFFICE_TIME_ZONE))
    today = [span for span in spans if here.weekday() in span.days]
    if not spans or any(span.opens <= here.time() < span.closes for span in today):
        return None
    starts = (
        datetime.combine(here.date() + timedelta(days=ahead), span.opens, here.tzinfo)
        for ahead in range(8)
        for span in spans
        if (here.date() + timedelta(days=ahead)).weekday() in span.days
    )
    return min(start for start in starts if start > here)


def waiting_words(email: str, now: datetime) -> str:
    """What a customer is told who is to get a person."""
    hours = f"People answer on {settings.OFFICE_HOURS}."
    again = opens_next(now)
    if again is not None:
        hours = (
            f"Nobody is here right now. People answer on {settings.OFFICE_HOURS}, next {_day(again, now)}."
        )
        then = "Leave your e-mail address and the answer comes to you, or come back to this page then."
    else:
        then = "Keep this page open, or leave your e-mail address."
    if email:
        then = f"If you leave this page, the answer goes to {email}."
    return f"We've asked the team to help. {hours} {then}"


def _day(at: datetime, now: datetime) -> str:
    days = (at.date() - now.astimezone(at.tzinfo).date()).days
    day = ("today", "tomorrow")[days] if days < 2 else f"on {at:%A}"
    return f"{day} at {at.hour}:{at:%M}"
