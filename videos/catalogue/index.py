"""What the index in memory follows, and the rows that may be shown now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast

import numpy as np
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from joblynk.providers.types import Vectors
from videos.captions import Caption
from videos.models import CaptionTrack, CatalogueState, Chapter, Cue, Piece, RemovedVideo, Video
from videos.pieces import ChapterText, Kind, PieceText, VideoText

_BATCH = 500
_FLOAT = np.dtype("<f4")
_GENERATION = f"SELECT generation FROM {CatalogueState._meta.db_table} WHERE id = 1"  # noqa: S608


class IndexedPiece(NamedTuple):
    """`vector` is float32: `dimension` numbers of length 1, and as many for the first sentence of captions;
    None while the piece is not embedded."""

    piece_id: int
    kind: Kind
    start: float
    text: str
    vector: Vectors | None


@dataclass(frozen=True, slots=True)
class IndexedVideo:
    """`recipe` says who made the vectors; `chapters` in order of time."""

    video_id: int
    recipe: str
    chapters: tuple[ChapterText, ...]
    pieces: tuple[IndexedPiece, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Drop `removed`, then put `changed` in the place of what was known of them."""

    generation: int
    changed: list[IndexedVideo]
    removed: list[int]


@dataclass(frozen=True, slots=True)
class LiveVideo:
    """As it stands now. `duration` in seconds; `poster` is a name in the storage or ""."""

    video_id: int
    title: str
    description: str
    duration: float | None
    poster: str
    provider: str
    starts_at: float
    helped: int
    not_helped: int
    created_at: datetime
    state: str
    """"" when it may be shown, else why not, in words for staff."""


def generation() -> int:
    """One short query, asked before every recommendation: as SQL, because to build it anew each time takes
    three times as long as to ask it."""
    with connection.cursor() as cursor:
        cursor.execute(_GENERATION)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def changes_since(known: int) -> Changes:
    """What an index of generation `known` lacks; 0 asks for everything.

    The generation is read first: rows that commit meanwhile may be told twice, never missed.
    """
    now = generation()
    rows = list(Video.objects.filter(generation__gt=known or -1).order_by("pk").values_list("pk", "recipe"))
    ids = [pk for pk, _ in rows]
    chapters = _chapters(ids)
    pieces = _pieces(ids)
    changed = [IndexedVideo(pk, recipe, chapters.get(pk, ()), pieces.get(pk, ())) for pk, recipe in rows]
    removed = RemovedVideo.objects.filter(generation__gt=known).values_list("video_id", flat=True)
    return Changes(now, changed, list(removed) if known else [])


# Made once: Django takes longer to put this together than to run it.
_LIVE = Video.objects.values_list(
    "pk",
    "title",
    "description",
    "duration",
    "poster",
    "provider",
    "starts_at",
    "helped",
    "not_helped",
    "created_at",
    "published",
    "valid_from",
    "valid_until",
)


def live(video_ids: Iterable[int]) -> dict[int, LiveVideo]:
    """Those of `video_ids` that are still there, in one query, whether they may be shown or not."""
    now = timezone.now()
    found = {}
    for row in _LIVE.filter(pk__in=list(video_ids)):
        pk, title, description, duration, poster, provider, starts_at, helped, not_helped = row[:9]
        added, published, since, until = row[9:]
        found[pk] = LiveVideo(
            pk,
            title,
            description,
            duration,
            poster,
            provider,
            starts_at,
            helped,
            not_helped,
            added,
            _state(published, since, until, now),
        )
    return found


def showable(now: datetime) -> QuerySet[Video]:
    """Published, and in its time."""
    return Video.objects.filter(
        Q(valid_from=None) | Q(valid_from__lte=now),
        Q(valid_until=None) | Q(valid_until__gt=now),
        published=True,
    )


def raise_generation() -> int:
    """The new generation; the row stays locked until commit, so generations become visible in order."""
    row = CatalogueState.objects.filter(pk=1)
    if not row.update(generation=F("generation") + 1):
        CatalogueState.objects.get_or_create(pk=1)
        row.update(generation=F("generation") + 1)
    return generation()


def texts(video_id: int) -> VideoText | None:
    """Everything the video is found by; None when it is gone."""
    row = Video.objects.filter(pk=video_id).first()
    if row is None:
        return None
    cues: dict[int, list[Caption]] = {pk: [] for pk in _track_ids(video_id)}
    said = Cue.objects.filter(track__in=list(cues)).order_by("start", "pk")
    for track, start, end, text in said.values_list("track_id", "start", "end", "text"):
        cues[track].append(Caption(start, end, text))
    tracks = tuple(tuple(track) for track in cues.values())
    chapters = _chapters([video_id]).get(video_id, ())
    return VideoText(row.title, row.description, tuple(row.tags), chapters, tracks)


def known_vectors(hashes: Iterable[str], recipe: str) -> dict[str, bytes]:
    """Vectors of texts that some piece of this recipe already holds."""
    wanted = list(dict.fromkeys(hashes))
    known: dict[str, bytes] = {}
    for start in range(0, len(wanted), _BATCH):
        rows = Piece.objects.filter(text_hash__in=wanted[start : start + _BATCH], video__recipe=recipe)
        known.update((key, bytes(vector)) for key, vector in rows.values_list("text_hash", "vector"))
    return {key: vector for key, vector in known.items() if vector}


def replace_pieces(
    video_id: int, read: VideoText, pieces: Sequence[PieceText], vectors: Mapping[str, bytes], recipe: str
) -> bool:
    """Make `pieces` what the video is found by, if it still says what was `read`; else False. `vectors`
    by text hash: float32 little-endian, none at all while nobody can embed."""
    with transaction.atomic():
        now = raise_generation()
        if texts(video_id) != read:
            return False
        Piece.objects.filter(video_id=video_id).delete()
        Piece.objects.bulk_create(
            [
                Piece(
                    video_id=video_id,
                    kind=piece.kind,
                    start=piece.start,
                    text=piece.text,
                    text_hash=piece.text_hash,
                    vector=vectors.get(piece.text_hash, b""),
                )
                for piece in pieces
            ],
            batch_size=_BATCH,
        )
        Video.objects.filter(pk=video_id).update(recipe=recipe, generation=now)
        return True


def unread(recipe: str, count: int) -> list[int]:
    """Videos whose pieces do not follow what staff wrote, or were made by somebody else than `recipe`."""
    return list(Video.objects.exclude(recipe=recipe).order_by("pk").values_list("pk", flat=True)[:count])


def _state(published: bool, since: datetime | None, until: datetime | None, now: datetime) -> str:
    if not published:
        return "not published"
    if since and since > now:
        return "not valid yet"
    return "not valid any more" if until and until <= now else ""


def _track_ids(video_id: int) -> list[int]:
    return list(CaptionTrack.objects.filter(video_id=video_id).order_by("pk").values_list("pk", flat=True))


def _chapters(video_ids: Sequence[int]) -> dict[int, tuple[ChapterText, ...]]:
    found: dict[int, list[ChapterText]] = {}
    for rows in _batches(video_ids):
        chapters = Chapter.objects.filter(video_id__in=rows).order_by("start", "position", "pk")
        for video, start, title, text in chapters.values_list("video_id", "start", "title", "text"):
            found.setdefault(video, []).append(ChapterText(start, title, text))
    return {video: tuple(chapters) for video, chapters in found.items()}


def _pieces(video_ids: Sequence[int]) -> dict[int, tuple[IndexedPiece, ...]]:
    found: dict[int, list[IndexedPiece]] = {}
    for rows in _batches(video_ids):
        pieces = Piece.objects.filter(video_id__in=rows).order_by("pk")
        for video, pk, kind, start, text, vector in pieces.values_list(
            "video_id", "pk", "kind", "start", "text", "vector"
        ).iterator(chunk_size=2_000):
            read = np.frombuffer(vector, _FLOAT) if vector else None
            found.setdefault(video, []).append(IndexedPiece(pk, cast(Kind, kind), start, text, read))
    return {video: tuple(pieces) for video, pieces in found.items()}


def _batches(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
