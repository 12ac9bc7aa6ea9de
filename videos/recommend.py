"""The public door: a text in; the videos that show it out, each with the second to begin at.

Each process keeps its own index and follows the database: before every recommendation one short query asks
whether the generation rose. What is shown is read again as a live row, so a video that was renamed,
unpublished or deleted, or whose time is over, is right at once.
"""

import logging
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, cast

from joblynk import executors
from joblynk.providers import registry
from joblynk.providers.types import Vectors
from videos import catalogue, ranking, reading
from videos.index import Candidate, VideoIndex
from videos.models import public_path
from videos.pieces import Kind
from videos.ranking import THRESHOLD, Judged

__all__ = ["THRESHOLD", "Judged", "Suggestion", "explain", "forget", "recommend", "recommend_now", "warm"]

Provider = Literal["youtube", "vimeo", "file"]

logger = logging.getLogger(__name__)

_SPARE = 8
"""Videos looked at closely beyond those asked for and those left out: some may be hidden."""
_EXPLAINED = 24
_LONGEST = 4_000  # characters of a question


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A video to show. `duration` and `start` in seconds; `chapter` is the title of the one that matches,
    or ""; `poster` is the path of a WebP, or ""."""

    video_id: int
    title: str
    description: str
    duration: float | None
    start: float
    chapter: str
    poster: str
    provider: Provider
    score: float
    matched: Kind


@dataclass(slots=True)
class _Held:
    """The index of this process, and what it is an index of."""

    index: VideoIndex
    generation: int


_held: _Held | None = None
_using = threading.Lock()
_following = threading.Lock()


async def recommend(
    text: str,
    vector: Vectors | None = None,
    embedder: str = "",
    *,
    limit: int = 2,
    exclude: Collection[int] = (),
) -> tuple[Suggestion, ...]:
    """At most `limit` videos, best first, without those of `exclude`. `vector` is the text's, as the
    embedder of that name made it; without one, or with another's, the text is embedded here. Raises
    `DatabaseError`."""
    if vector is None or embedder != registry.get("embedder").name:
        vector = await executors.compute(_embed, text)
    return await executors.database(_find, text, vector, limit, exclude)


def recommend_now(
    text: str,
    vector: Vectors | None = None,
    embedder: str = "",
    *,
    limit: int = 2,
    exclude: Collection[int] = (),
) -> tuple[Suggestion, ...]:
    """The same for synchronous callers."""
    if vector is None or embedder != registry.get("embedder").name:
        vector = _embed(text)
    return _find(text, vector, limit, exclude)


def explain(text: str, limit: int = 2) -> list[Judged]:
    """Everything that was considered, best first, with its scores and the reason: for the test box."""
    return _judge(_rank(text, _embed(text), _EXPLAINED), limit, ())


def warm() -> None:
    """Build the index, so that the first customer does not wait for it."""
    _follow()


def forget() -> None:
    """Drop the index; the next recommendation builds it anew. For tests and for a changed encoder."""
    global _held
    _held = None


def _embed(text: str) -> Vectors:
    vector: Vectors = registry.get("embedder").embed([text[:_LONGEST]])[0]
    return vector


def _find(text: str, vector: Vectors, limit: int, exclude: Collection[int]) -> tuple[Suggestion, ...]:
    found = _rank(text, vector, limit + len(exclude) + _SPARE)
    return _suggestions(_judge(found, limit, exclude))


def _rank(text: str, vector: Vectors, count: int) -> list[Candidate]:
    held = _follow()
    if not len(held.index):
        return []
    with _using:
        return held.index.candidates(vector, text[:_LONGEST], count)


def _judge(found: list[Candidate], limit: int, exclude: Collection[int]) -> list[Judged]:
    live = catalogue.live(candidate.video_id for candidate in found) if found else {}
    return ranking.judge(found, live, limit, exclude)


def _suggestions(found: list[Judged]) -> tuple[Suggestion, ...]:
    return tuple(_suggestion(judged) for judged in found if judged.reason == "shown")


def _suggestion(judged: Judged) -> Suggestion:
    row, beginning = judged.video, judged.beginning
    return Suggestion(
        judged.video_id,
        row.title,
        row.description,
        row.duration,
        beginning.start,
        beginning.chapter,
        public_path(row.poster),
        cast(Provider, row.provider),
        round(judged.score, 4),
        beginning.matched,
    )


def _follow() -> _Held:
    """The index, brought up to what the database says now. While one thread applies changes the others go
    on with what is there: what is gone is dropped as a live row, what is new is found a moment later."""
    held = _held
    now = catalogue.generation()
    if held is not None and held.index.recipe == reading.recipe():
        if held.generation == now or not _following.acquire(blocking=False):
            return held
    else:
        _following.acquire()
    try:
        return _caught_up()
    finally:
        _following.release()


def _caught_up() -> _Held:
    global _held
    held, recipe = _held, reading.recipe()
    # A database that was put back from a copy is behind what is held here.
    if held is None or held.index.recipe != recipe or catalogue.generation() < held.generation:
        changes = catalogue.changes_since(0)
        index = VideoIndex(registry.get("embedder").dimension, recipe)
        index.update(changes.changed)
        _held = _Held(index, changes.generation)
        return _held
    changes = catalogue.changes_since(held.generation)
    with _using:
        held.index.update(changes.changed, changes.removed)
        held.generation = changes.generation
    return held
