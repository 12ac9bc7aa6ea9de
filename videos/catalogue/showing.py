"""What a page needs of a video that was recommended, and what is counted when it is shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from videos import sources
from videos.captions import write
from videos.catalogue.index import showable
from videos.catalogue.staff import captions
from videos.models import CaptionTrack, Video


@dataclass(frozen=True, slots=True)
class ShownChapter:
    """`start` in seconds."""

    start: float
    title: str


@dataclass(frozen=True, slots=True)
class ShownTrack:
    track_id: int
    language: str
    label: str


@dataclass(frozen=True, slots=True)
class Playable:
    """`file` and `poster` are names in the storage; `source` is None for an uploaded file."""

    video_id: int
    title: str
    duration: float | None
    provider: str
    file: str
    poster: str
    source: sources.Source | None
    chapters: tuple[ShownChapter, ...]
    """In the order that staff chose."""
    tracks: tuple[ShownTrack, ...]


def playable(video_id: int, *, drafts: bool = False) -> Playable | None:
    """The video, if it may be shown now. `drafts`: staff look at it before that."""
    rows = Video.objects.all() if drafts else showable(timezone.now())
    row = rows.filter(pk=video_id).prefetch_related("chapters", "tracks").first()
    if row is None:
        return None
    return Playable(
        row.pk,
        row.title,
        row.duration,
        row.provider,
        row.file.name or "",
        row.poster.name or "",
        source_of(row),
        tuple(ShownChapter(chapter.start, chapter.title) for chapter in row.chapters.all()),
        tuple(ShownTrack(track.pk, track.language, track.label) for track in row.tracks.all()),
    )


def source_of(row: Video) -> sources.Source | None:
    if row.provider == Video.Provider.YOUTUBE:
        return sources.Source("youtube", row.external_id, row.external_hash, row.starts_at)
    if row.provider == Video.Provider.VIMEO:
        return sources.Source("vimeo", row.external_id, row.external_hash, row.starts_at)
    return None


def available(video_ids: Iterable[int]) -> set[int]:
    """Those that may be shown now."""
    rows = showable(timezone.now()).filter(pk__in=list(video_ids))
    return set(rows.values_list("pk", flat=True))


def track_text(video_id: int, track_id: int, *, drafts: bool = False) -> str | None:
    """The captions as WebVTT, if the video may be shown now."""
    rows = CaptionTrack.objects.filter(pk=track_id, video_id=video_id)
    if not drafts:
        rows = rows.filter(video__in=showable(timezone.now()))
    return write(captions(track_id)) if rows.exists() else None


def by_file(name: str) -> Video | None:
    """The video that plays the stored file `name`, whether or not it may be shown."""
    return Video.objects.filter(file=name).first()


def may_serve(field: Literal["file", "poster"], name: str, *, drafts: bool = False) -> bool:
    """Whether the stored file `name` belongs to a video that may be shown now, or, with `drafts`, to any."""
    rows = Video.objects.all() if drafts else showable(timezone.now())
    return rows.filter(**{field: name}).exists()


def note_shown(video_ids: Iterable[int]) -> None:
    """Count one card for each."""
    Video.objects.filter(pk__in=list(video_ids)).update(shown=F("shown") + 1)


def note_played(video_id: int) -> None:
    Video.objects.filter(pk=video_id).update(played=F("played") + 1)


def note_helped(video_id: int, before: int, after: int) -> None:
    """Somebody's answer to "did this help?" went from `before` to `after`: 1 yes, -1 no, 0 none."""
    Video.objects.filter(pk=video_id).update(
        helped=Greatest(F("helped") + int(after == 1) - int(before == 1), 0),
        not_helped=Greatest(F("not_helped") + int(after == -1) - int(before == -1), 0),
    )
