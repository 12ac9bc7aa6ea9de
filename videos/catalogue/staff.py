"""Videos as staff and loaders write them.

One writing function = one transaction. A write that changes what a video is found by marks it unread
(`recipe` blank) and raises the generation; `videos.reading.read` then makes its pieces anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from django.core.files.base import ContentFile, File
from django.db import transaction
from django.db.models import QuerySet

from videos.captions import Caption
from videos.catalogue.index import raise_generation
from videos.models import CaptionTrack, Chapter, Cue, RemovedVideo, Video

_COUNTED = {"shown", "played", "helped", "not_helped"}
"""Written by chats meanwhile."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class NewChapter:
    """`start` in seconds."""

    start: float
    title: str
    text: str = ""


def save(video: Video, *, file: File[bytes] | None = None, poster: bytes | None = None) -> Video:
    """Store it as unread. A new `file` or `poster` (WebP of our own making; b"" takes it away) takes the
    place of the old one, which is deleted after the commit."""
    with transaction.atomic():
        if file is not None:
            _forget_file(video, "file")
            video.file, video.size = file, file.size
        if not video.file and video.pk:
            _forget_file(video, "file")
            video.size = 0
        if poster is not None:
            _forget_file(video, "poster")
            video.poster = ContentFile(poster, "poster.webp") if poster else ""
        video.recipe, video.generation = "", raise_generation()
        if video.pk is None:
            video.save()
        else:
            fields = video._meta.concrete_fields
            names = [field.name for field in fields if not field.primary_key and field.name not in _COUNTED]
            video.save(update_fields=names)
        return video


def touch(video_id: int) -> None:
    """What belongs to the video was changed: its pieces are to be made anew."""
    with transaction.atomic():
        Video.objects.filter(pk=video_id).update(recipe="", generation=raise_generation())


def set_published(video_ids: Iterable[int], published: bool) -> int:
    """Takes effect at once in every process, as the live row says it; returns how many there were."""
    return Video.objects.filter(pk__in=list(video_ids)).update(published=published)


def remove(video_ids: Iterable[int]) -> int:
    """Delete videos with their files; returns how many there were."""
    ids = list(video_ids)
    with transaction.atomic():
        now = raise_generation()
        rows = list(Video.objects.filter(pk__in=ids))
        for row in rows:
            _forget_file(row, "file")
            _forget_file(row, "poster")
        RemovedVideo.objects.bulk_create([RemovedVideo(video_id=row.pk, generation=now) for row in rows])
        Video.objects.filter(pk__in=ids).delete()
        return len(rows)


def set_chapters(video_id: int, chapters: Sequence[NewChapter]) -> None:
    """Make `chapters` those of the video, in this order."""
    with transaction.atomic():
        Chapter.objects.filter(video_id=video_id).delete()
        Chapter.objects.bulk_create(
            Chapter(
                video_id=video_id,
                position=place,
                start=chapter.start,
                title=chapter.title,
                text=chapter.text,
            )
            for place, chapter in enumerate(chapters)
        )
        touch(video_id)


def put_captions(video_id: int, language: str, label: str, cues: Sequence[Caption]) -> CaptionTrack:
    """Make `cues` the captions of this language."""
    with transaction.atomic():
        track, _ = CaptionTrack.objects.update_or_create(
            video_id=video_id, language=language, defaults={"label": label}
        )
        Cue.objects.filter(track=track).delete()
        Cue.objects.bulk_create(
            [Cue(track=track, start=cue.start, end=cue.end, text=cue.text) for cue in cues], batch_size=_BATCH
        )
        touch(video_id)
        return track


def remove_captions(track_ids: Iterable[int]) -> None:
    with transaction.atomic():
        tracks = CaptionTrack.objects.filter(pk__in=list(track_ids))
        for video_id in set(tracks.values_list("video_id", flat=True)):
            touch(video_id)
        tracks.delete()


def video(video_id: int) -> Video | None:
    return Video.objects.filter(pk=video_id).first()


def videos() -> QuerySet[Video]:
    """All of them with what belongs to them, oldest first."""
    return Video.objects.order_by("pk").prefetch_related("chapters", "tracks")


def by_origin(prefix: str) -> dict[str, Video]:
    """What a loader brought earlier, by where it took it from."""
    return {row.origin: row for row in Video.objects.filter(origin__startswith=prefix)}


def by_source(provider: str, external_id: str) -> Video | None:
    """The oldest video at this place."""
    return Video.objects.filter(provider=provider, external_id=external_id).order_by("pk").first()


def captions(track_id: int) -> list[Caption]:
    rows = Cue.objects.filter(track_id=track_id).order_by("start", "pk")
    return [Caption(*row) for row in rows.values_list("start", "end", "text")]


def _forget_file(video: Video, field: str) -> None:
    """Delete the stored file once nothing names it any more."""
    name = Video.objects.filter(pk=video.pk).values_list(field, flat=True).first() if video.pk else ""
    if name:
        transaction.on_commit(partial(getattr(video, field).storage.delete, name))
