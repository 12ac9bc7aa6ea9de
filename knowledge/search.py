"""The public door: a text in; the passages that answer it out, and a verdict whether they do.

Each process keeps its own index and follows the database: before every search one short query asks
whether the generation rose. Every hit is read again as a live row, so what was removed or unpublished
stops answering at once, even where the index has not followed yet.
"""

import asyncio
import logging
import threading
import time
from dataclasses import dataclass, replace

from joblynk import executors
from joblynk.providers import registry
from joblynk.providers.types import Embedder, Vectors
from knowledge import library
from knowledge.index import PassageIndex
from knowledge.ranking import Findings, Passage, Ranked, corrected, judge, rank

__all__ = ["Findings", "Passage", "forget", "ready", "search", "search_now", "warm"]

logger = logging.getLogger(__name__)

_SPARE = 10
"""Hits read beyond those asked for: some may be gone, and the gate looks at more than are shown."""
_PAUSE_SECONDS = 0.5
"""Between two changes that chats follow."""


@dataclass(slots=True)
class _Held:
    """The index of this process, and what it is an index of."""

    index: PassageIndex
    generation: int
    recipe: str
    encoder: Embedder | None
    """Of the vectors in the index, which may not be the chosen one any more, or not yet."""
    changed_at: float = -_PAUSE_SECONDS
    """By `time.monotonic`, when it last followed a change."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The question with its typing errors mended, its vector and who made it, and what it found."""

    text: str
    vector: Vectors
    embedder: str
    ranked: list[Ranked]


_held: _Held | None = None
_using = threading.Lock()
_following = threading.Lock()


async def search(text: str, limit: int = 5) -> Findings:
    """The `limit` best live passages with the gate's verdict. Raises `DatabaseError`.

    Ranking goes on while the database is asked whether the index is up to date: it nearly always is,
    and is asked again where it was not.
    """
    before = _held
    if before is None:
        before = await executors.database(_follow)
    generation = before.generation
    held, asked = await asyncio.gather(executors.database(_keep_up), executors.compute(_ask, text, limit))
    if held is not before or held.generation != generation:
        asked = await executors.compute(_ask, text, limit)
    return await executors.database(_answer, held, asked, limit)


def search_now(text: str, limit: int = 5) -> Findings:
    """The same for synchronous callers: commands and the admin."""
    held = _follow()
    return _answer(held, _ask(text, limit), limit)


def warm() -> None:
    """Load the encoder and build the index, so that the first customer does not wait for it."""
    _follow()
    _ask("warm", 1)


def ready() -> bool:
    """The index of this process is built. Does not touch the database."""
    return _held is not None


def forget() -> None:
    """Drop the index; the next search builds it anew. For tests and for a changed encoder."""
    global _held
    _held = None


def _ask(text: str, limit: int) -> _Asked:
    held = _held or _follow()
    embedder = held.encoder or registry.get("embedder")
    with _using:
        text = corrected(text, held.index.words, embedder)
    vector: Vectors = embedder.embed([text])[0]
    with _using:
        return _Asked(text, vector, embedder.name, rank(held.index, vector, text, limit + _SPARE))


def _answer(held: _Held, asked: _Asked, limit: int) -> Findings:
    live = library.live_passages([hit.candidate.chunk_id for hit in asked.ranked])
    with _using:
        found = judge(held.index.words, asked.text, asked.vector, asked.ranked, live, limit)
    return replace(found, vector=asked.vector, embedder=asked.embedder)


def _keep_up() -> _Held:
    """For chats: one change is followed at once, many in a row (a thousand documents being read) a few
    times a second, so that chats do not wait for each of them."""
    if _held is not None and time.monotonic() - _held.changed_at < _PAUSE_SECONDS:
        return _held
    return _follow()


def _follow() -> _Held:
    """The index, brought up to what the database says now.

    While one thread applies changes the others go on with what is there: a passage that is gone is
    dropped as a live row, one that is new is found a moment later.
    """
    state = library.state()
    held = _held
    if held is not None:
        if (held.generation, held.recipe) == state or not _following.acquire(blocking=False):
            return held
    else:
        _following.acquire()
    try:
        return _caught_up()
    finally:
        _following.release()


def _caught_up() -> _Held:
    global _held
    held = _held
    if held is None:
        changes = library.changes_since(0)
    else:
        changes = library.changes_since(held.generation, held.recipe)
    if held is None or changes.complete:
        encoder = _encoder(changes.recipe)
        index = PassageIndex((encoder or registry.get("embedder")).dimension)
        index.update(changes.added if encoder else [])
        _held = _Held(index, changes.generation, changes.recipe, encoder)
        return _held
    with _using:
        held.index.update(changes.added if held.encoder else [], changes.removed)
        held.generation = changes.generation
    held.changed_at = time.monotonic()
    return held


def _encoder(recipe: str) -> Embedder | None:
    """The one that made the vectors: those of another cannot be compared with its own. None if it is gone."""
    if not recipe:
        return registry.get("embedder")
    found = registry.embedder(recipe.rpartition("/chunk-v")[0])
    if found is None:
        logger.error("The index was made with %s: nothing is found until `manage.py reindex` has run", recipe)
    return found
