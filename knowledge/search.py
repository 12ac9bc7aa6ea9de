"""The public door: a text in; the passages that answer it out, and a verdict whether they do.

Each process keeps its own index and follows the database: before every search one short query asks
whether the generation rose. Every hit is read again as a live row, so what was removed or unpublished
stops answering at once, even where the index has not followed yet.
"""

import asyncio
import logging
import threading
from dataclasses import dataclass

from joblynk import executors
from joblynk.providers import registry
from joblynk.providers.types import Vectors
from knowledge import library
from knowledge.index import PassageIndex
from knowledge.ranking import Findings, Passage, Ranked, corrected, judge, rank

__all__ = ["Findings", "Passage", "forget", "ready", "search", "search_now", "warm"]

logger = logging.getLogger(__name__)

_SPARE = 10
"""Hits read beyond those asked for: some may be gone, and the gate looks at more than are shown."""


@dataclass(slots=True)
class _Held:
    """The index of this process, and what it is an index of."""

    index: PassageIndex
    generation: int
    recipe: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """The question with its typing errors mended, and its vector."""

    text: str
    vector: Vectors


_held: _Held | None = None
_using = threading.Lock()
_following = threading.Lock()


async def search(text: str, limit: int = 5) -> Findings:
    """The `limit` best live passages with the gate's verdict. Raises `DatabaseError`."""
    if _held is None:
        await executors.database(_follow)
    held, asked = await asyncio.gather(executors.database(_follow), executors.compute(_ask, text))
    ranked = await executors.compute(_rank, held, asked, limit)
    live = await executors.database(library.live_passages, [hit.candidate.chunk_id for hit in ranked])
    return await executors.compute(_judge, held, asked, ranked, live, limit)


def search_now(text: str, limit: int = 5) -> Findings:
    """The same for synchronous callers: commands and the admin."""
    held = _follow()
    asked = _ask(text)
    ranked = _rank(held, asked, limit)
    live = library.live_passages([hit.candidate.chunk_id for hit in ranked])
    return _judge(held, asked, ranked, live, limit)


def warm() -> None:
    """Load the encoder and build the index, so that the first customer does not wait for it."""
    _ask("warm")
    _follow()


def ready() -> bool:
    """The index of this process is built. Does not touch the database."""
    return _held is not None


def forget() -> None:
    """Drop the index; the next search builds it anew. For tests and for a changed encoder."""
    global _held
    _held = None


def _ask(text: str) -> _Asked:
    embedder = registry.get("embedder")
    if _held is not None:
        with _using:
            text = corrected(text, _held.index.words, embedder)
    return _Asked(text, embedder.embed([text])[0])


def _rank(held: _Held, asked: _Asked, limit: int) -> list[Ranked]:
    with _using:
        return rank(held.index, asked.vector, asked.text, limit + _SPARE)


def _judge(
    held: _Held, asked: _Asked, ranked: list[Ranked], live: dict[int, library.LivePassage], limit: int
) -> Findings:
    with _using:
        return judge(held.index.words, asked.text, asked.vector, ranked, live, limit)


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
        _warn_of_another_encoder(changes.recipe)
        index = PassageIndex(registry.get("embedder").dimension)
        index.update(changes.added if _fits(changes.recipe) else [])
        _held = _Held(index, changes.generation, changes.recipe)
        return _held
    with _using:
        held.index.update(changes.added if _fits(changes.recipe) else [], changes.removed)
        held.generation = changes.generation
    return held


def _fits(recipe: str) -> bool:
    """Vectors of another encoder cannot be compared with those of this one."""
    return recipe.startswith(f"{registry.get('embedder').name}/")


def _warn_of_another_encoder(recipe: str) -> None:
    if recipe and not _fits(recipe):
        logger.error("The index was made with %s: nothing is found until `manage.py reindex` has run", recipe)
