"""The index of this process, and how it follows the database.

It is built from the stored vectors: once these are in memory passages are found by their meaning, and the
process is ready. The words of a large base take ten times as long to read; they come beside the first
customers, and until then fewer questions are found to be answered, and a code of an error is not known.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from django.db import connections

from joblynk.providers import registry
from joblynk.providers.types import Embedder
from knowledge import library
from knowledge.index import PassageIndex
from knowledge.words import Worded, WordIndex

logger = logging.getLogger(__name__)

WORDS_AT_ONCE = 2_000
"""Chunks whose words are read before anything else: as long as a customer waits for the first answer."""
_CALM_SECONDS = 2.0
"""After a change the next ones are followed beside the chats for so long."""
_PAUSE_SECONDS = 0.5
"""Between two of these."""
_TURN, _TURN_PAUSE = (
    16,
    0.0002,
)  # chunks whose words are read, about 1 ms, before others get their turn; seconds
_RETRY_SECONDS = 2.0


@dataclass(slots=True)
class Held:
    """The index of this process, and what it is an index of."""

    index: PassageIndex
    generation: int
    recipe: str
    encoder: Embedder | None
    """Of the vectors in the index, which may not be the chosen one any more, or not yet."""
    changed_at: float = -_CALM_SECONDS
    """By `time.monotonic`, when it last followed a change."""
    words_read: threading.Event = field(default_factory=threading.Event)

    @property
    def following(self) -> tuple[int, str]:
        return self.generation, self.recipe


_held: Held | None = None
using = threading.Lock()
"""Held by whoever looks into the index or changes it."""
_following = threading.Lock()
_beside = threading.Lock()
"""Held by the thread that follows many changes."""


def held() -> Held | None:
    """As it is, without a look at the database."""
    return _held


def forget() -> None:
    """Drop the index; the next search builds it anew."""
    global _held
    _held = None


def keep_up() -> Held:
    """For chats: one change is followed at once. What comes soon after it (a thousand documents being read)
    is followed a few times a second by a thread of its own, so that no chat waits for that."""
    held = _held
    if held is None or not _changes_soon(held):
        return follow()
    if _beside.acquire(blocking=False):
        threading.Thread(target=_follow_beside, args=(held,), name="following", daemon=True).start()
    return held


def _changes_soon(held: Held) -> bool:
    return time.monotonic() - held.changed_at < _CALM_SECONDS


def _follow_beside(held: Held) -> None:
    """Ends when nothing changed for a while, or when the index was dropped or built anew."""
    try:
        while _changes_soon(held):
            time.sleep(_PAUSE_SECONDS)
            if _held is not held:
                break
            follow()
    except Exception:
        logger.exception("following_failed")
    finally:
        connections.close_all()
        _beside.release()


def follow() -> Held:
    """The index, brought up to what the database says now.

    While one thread applies changes the others go on with what is there: a passage that is gone is
    dropped as a live row, one that is new is found a moment later.
    """
    state = library.state()
    held = _held
    if held is not None:
        if held.following == state or not _following.acquire(blocking=False):
            return held
    else:
        _following.acquire()
    try:
        return _caught_up()
    finally:
        _following.release()


def settle() -> Held:
    """The same once words are searched too: for callers who have the time."""
    while True:
        held = follow()
        if held.words_read.wait(_RETRY_SECONDS):
            return held


def _caught_up() -> Held:
    held = _held
    if held is None or library.is_cut_off(*held.following):
        return _read_anew()
    changes = library.changes_since(*held.following)
    if changes.complete:
        return _read_anew()
    added = changes.added if held.encoder else []
    held.index.update_words(added, changes.removed)
    with using:
        held.index.update_vectors(added, changes.removed)
        held.generation = changes.generation
    held.changed_at = time.monotonic()
    return held


def _read_anew() -> Held:
    global _held
    generation, recipe = library.state()
    encoder = _encoder(recipe)
    index = PassageIndex((encoder or registry.get("embedder")).dimension)
    for chunks in library.served_vectors(recipe) if encoder else ():
        index.fill(chunks)
    held = Held(index, generation, recipe, encoder)
    if not index.worded and len(index) <= WORDS_AT_ONCE:
        index.complete(_words(library.served_words(recipe)))
    _held = held
    if index.worded:
        held.words_read.set()
    else:
        threading.Thread(target=_read_words, args=(held,), name="words", daemon=True).start()
    return held


def _read_words(held: Held) -> None:
    """Beside the customers, however long the database keeps it waiting. Ends when the index was dropped."""
    read = False
    while _held is held and not read:
        try:
            began = library.state().generation
            read = _complete(held, _words(_unhurried(library.served_words(held.recipe))), began)
        except Exception:
            logger.exception("reading_words_failed")
            time.sleep(_RETRY_SECONDS)
        finally:
            connections.close_all()
    if read:
        held.words_read.set()


def _complete(held: Held, words: WordIndex, generation: int) -> bool:
    """Bring both up to the same moment: `words`, which were read at or after `generation`, and vectors.
    False when the index was dropped meanwhile."""
    with _following:
        if _held is not held:
            return False
        if library.is_cut_off(*held.following):
            _read_anew()
            return False
        changes = library.changes_since(min(generation, held.generation), held.recipe)
        words.update(changes.added, {*changes.removed, *(chunk.chunk_id for chunk in changes.added)})
        with using:
            held.index.update(changes.added, changes.removed)
            held.index.complete(words)
            held.generation = changes.generation
    return True


def _words(chunks: Iterable[Worded]) -> WordIndex:
    words = WordIndex()
    words.fill(chunks)
    return words


def _unhurried(chunks: Iterable[Worded]) -> Iterator[Worded]:
    """The same, with pauses in which other threads get the interpreter."""
    chunks = iter(chunks)
    while turn := list(islice(chunks, _TURN)):
        yield from turn
        time.sleep(_TURN_PAUSE)


def _encoder(recipe: str) -> Embedder | None:
    """The one that made the vectors: those of another cannot be compared with its own. None if it is gone."""
    if not recipe:
        return registry.get("embedder")
    found = registry.embedder(recipe.rpartition("/chunk-v")[0])
    if found is None:
        logger.error("The index was made with %s: nothing is found until `manage.py reindex` has run", recipe)
    return found
