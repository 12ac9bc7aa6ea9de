"""Videos as a JSON file: hand-written lists, read with a verdict for every row, and written back.

    [{"title", "description", "url", "tags" or "keywords", "duration", "thumbnail", "timestamps"}, …]
    {"videos": [the same]}

Only title and url are needed. Times are seconds, "1:15", "1m15s" or "PT1M15S". Timestamps are objects with a
time and a title, texts such as "1:15 Send it", or one object {"1:15": "Send it"}. Nothing is fetched.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from django.core.exceptions import ValidationError

from videos import catalogue, reading, sources
from videos.catalogue import NewChapter
from videos.models import DESCRIPTION_LENGTH, TITLE_LENGTH, Video

Verb = Literal["new", "changed", "same", "refused"]
Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all)."""

MAX_BYTES = 20_000_000
MAX_ROWS = 20_000
_TAGS, _CHAPTERS, _DAY = 50, 500, 86_400.0
_KNOWN = {
    *("title", "description", "url", "tags", "keywords", "duration", "thumbnail", "timestamps", "chapters"),
    *("language", "published", "file"),
}
_TIME_NAMES = ("time", "start", "timestamp", "at", "seconds")
_TITLE_NAMES = ("title", "label", "name", "topic")
_STAMP = re.compile(r"\s*\[?([\d:.hms]{1,12})\]?\s*(?:[-–—|:]\s*)?(\S.{0,400})", re.DOTALL)
_ISO = re.compile(r"pt(?=\d)((?:\d{1,3}h)?(?:\d{1,4}m)?(?:\d{1,6}(?:\.\d{1,3})?s)?)")


class TransferError(Exception):
    """The file as a whole cannot be used; in words for staff."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a row, counted from 1. `why` it was refused; `notes` say what of it was left out."""

    number: int
    title: str
    verb: Verb
    why: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Wanted:
    """A row that can be taken."""

    title: str
    description: str = ""
    source: sources.Source | None = None
    file: str = ""
    tags: list[str] = field(default_factory=list)
    duration: float | None = None
    language: str = "en"
    published: bool | None = None
    chapters: list[NewChapter] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def parsed(content: bytes) -> list[Any]:
    """The rows of a file. Raises `TransferError`."""
    if len(content) > MAX_BYTES:
        raise TransferError(f"It has over {MAX_BYTES // 1_000_000} MB.")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TransferError(f"It is not JSON: {error}.") from None
    rows = data.get("videos") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise TransferError('It should hold a list of videos, or an object with a list called "videos".')
    if len(rows) > MAX_ROWS:
        raise TransferError(f"It holds over {MAX_ROWS:,} videos.")
    return rows


def read_in(
    rows: list[Any], *, dry_run: bool = False, progress: Progress = lambda done, total: None
) -> Iterator[Row]:
    """Take the rows one by one, each in a transaction of its own; again changes nothing."""
    seen: dict[tuple[str, str], int] = {}
    for number, data in enumerate(rows, 1):
        yield _taken(number, data, seen, dry_run=dry_run)
        progress(number, len(rows))


def written() -> list[dict[str, Any]]:
    """Every video as a row that `read_in` takes. Captions and files are not in it."""
    return [_row(video) for video in catalogue.videos()]


def _taken(number: int, data: Any, seen: dict[tuple[str, str], int], *, dry_run: bool) -> Row:
    title = str(data.get("title") or "")[:TITLE_LENGTH] if isinstance(data, dict) else ""
    try:
        wanted = _wanted(data)
        key = (wanted.source.host, wanted.source.external_id) if wanted.source else ("file", wanted.file)
        if key in seen:
            raise ValueError(f"Row {seen[key]} has the same source.")
        row = catalogue.by_source(*key) if wanted.source else catalogue.by_file(wanted.file)
        if row is None and wanted.source is None:
            raise ValueError("It is an uploaded file that is not here. Upload it in the admin.")
    except ValueError as error:
        return Row(number, title, "refused", str(error))
    seen[key] = number
    verb: Verb = "new" if row is None else "same" if _same(row, wanted) else "changed"
    if verb != "same" and not dry_run:
        try:
            _store(row or Video(), wanted)
        except ValidationError as error:
            return Row(number, title, "refused", " ".join(error.messages))
    return Row(number, wanted.title, verb, notes=tuple(wanted.notes))


def _wanted(data: Any) -> _Wanted:
    """Raises ValueError with the reason for a refusal."""
    if not isinstance(data, dict):
        raise ValueError("It is not an object.")
    title, description = _text(data, "title"), _text(data, "description")
    if not 3 <= len(title) <= TITLE_LENGTH:
        raise ValueError(f"Its title should have 3 to {TITLE_LENGTH} characters.")
    if len(description) > DESCRIPTION_LENGTH:
        raise ValueError(f"Its description has over {DESCRIPTION_LENGTH:,} characters.")
    url, file = _text(data, "url"), _text(data, "file")
    if not url and not file:
        raise ValueError("It has no url.")
    wanted = _Wanted(title, description, sources.read(url) if url else None, "" if url else file)
    wanted.language = _text(data, "language") or "en"
    published = data.get("published")
    if published is not None and not isinstance(published, bool):
        raise ValueError("published should be true or false.")
    wanted.published = published
    wanted.tags = _tags(data, wanted.notes)
    if data.get("duration") not in (None, ""):
        wanted.duration = _seconds(data["duration"], "duration")
    wanted.chapters = list(_chapters(data, wanted))
    if data.get("thumbnail"):
        wanted.notes.append("thumbnail not fetched: upload a poster")
    if unknown := sorted(str(name) for name in data.keys() - _KNOWN):
        wanted.notes.append(f"left out: {', '.join(unknown)[:200]}")
    return wanted


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} should be a text.")
    return (value or "").replace("\x00", "").strip()


def _tags(data: dict[str, Any], notes: list[str]) -> list[str]:
    """The words of tags and keywords, each a list or a text with commas."""
    words: list[str] = []
    for name in ("tags", "keywords"):
        value = data.get(name) or []
        listed = value.split(",") if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
            raise ValueError(f"{name} should be a list of words.")
        words += [" ".join(word.split())[:80] for word in listed]
    unique = [word for word in dict.fromkeys(words) if word]
    if len(unique) > _TAGS:
        notes.append(f"{len(unique) - _TAGS} tags left out")
    return unique[:_TAGS]


def _chapters(data: dict[str, Any], wanted: _Wanted) -> Iterator[NewChapter]:
    given = data.get("timestamps") or data.get("chapters") or []
    if isinstance(given, dict):
        given = [{"time": time, "title": title} for time, title in given.items()]
    if not isinstance(given, list) or len(given) > _CHAPTERS:
        raise ValueError(f"timestamps should be a list of at most {_CHAPTERS}.")
    for number, stamp in enumerate(given, 1):
        chapter = _chapter(stamp, number)
        if wanted.duration and chapter.start >= wanted.duration:
            raise ValueError(f"Timestamp {number} lies behind the end of the video.")
        yield chapter


def _chapter(stamp: Any, number: int) -> NewChapter:
    if isinstance(stamp, str) and (match := _STAMP.fullmatch(stamp)):
        stamp = {"time": match[1], "title": match[2]}
    if not isinstance(stamp, dict):
        raise ValueError(f"Timestamp {number} should have a time and a title.")
    time = next((stamp[name] for name in _TIME_NAMES if name in stamp), None)
    title = next((stamp[name] for name in _TITLE_NAMES if stamp.get(name)), None)
    text = stamp.get("text") or stamp.get("description") or ""
    if not isinstance(title, str) or not isinstance(text, str) or not title.strip():
        raise ValueError(f"Timestamp {number} has no title.")
    start = _seconds(time, f"the time of timestamp {number}")
    return NewChapter(start, " ".join(title.split())[:TITLE_LENGTH], text.strip()[:DESCRIPTION_LENGTH])


def _seconds(value: Any, name: str) -> float:
    found: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str):
        iso = _ISO.fullmatch(value.strip().lower())
        found = sources.seconds(iso[1] if iso else value)
    if found is None or not 0 <= found <= _DAY:
        raise ValueError(f'{name} is no time, such as 75 or "1:15".')
    return found


def _same(row: Video, wanted: _Wanted) -> bool:
    """What the file does not speak of stays as staff made it."""
    chapters = [NewChapter(one.start, one.title, one.text) for one in row.chapters.all()]
    now = (row.title, row.description, row.tags, row.language, row.external_hash)
    unlisted = wanted.source.external_hash if wanted.source else row.external_hash
    then = (wanted.title, wanted.description, wanted.tags, wanted.language, unlisted)
    return (
        now == then
        and wanted.duration in (None, row.duration)
        and wanted.published in (None, row.published)
        and (not wanted.chapters or chapters == wanted.chapters)
    )


def _store(row: Video, wanted: _Wanted) -> None:
    """Raises ValidationError."""
    row.title, row.description = wanted.title, wanted.description
    row.tags, row.language = wanted.tags, wanted.language
    if wanted.source:
        row.provider, row.external_id = wanted.source.host, wanted.source.external_id
        row.external_hash = wanted.source.external_hash
        row.starts_at = row.starts_at or wanted.source.start
    if wanted.duration is not None:
        row.duration = wanted.duration
    if wanted.published is not None:
        row.published = wanted.published
    row.clean_fields(exclude=["file", "poster"])
    catalogue.save(row)
    if wanted.chapters:
        catalogue.set_chapters(row.pk, wanted.chapters)
    reading.read_soon(row.pk)


def _row(video: Video) -> dict[str, Any]:
    source = catalogue.source_of(video)
    where = {"url": sources.page(source)} if source else {"file": video.file.name}
    return {
        "title": video.title,
        "description": video.description,
        **where,
        "tags": video.tags,
        "duration": video.duration,
        "language": video.language,
        "published": video.published,
        "timestamps": [
            {"time": one.start, "title": one.title, **({"text": one.text} if one.text else {})}
            for one in video.chapters.all()
        ],
    }
