"""The public door: a text in; the passages that answer it out, and a verdict whether they do.

Each process keeps its own index and follows the database: before every search one short query asks
whether the generation rose. Every hit is read again as a live row, so what was removed or unpublished
stops answering at once, even where the index has not followed yet.
"""

from dataclasses import dataclass, replace

from joblynk import executors
from joblynk.providers import registry
from joblynk.providers.types import Embedder
from knowledge import following, library, parts
from knowledge.following import Held
from knowledge.parts import Meaning
from knowledge.ranking import Findings, Passage, corrected, judge, look_up, rank
from knowledge.words import WordHits

__all__ = ["Findings", "Passage", "forget", "ready", "search", "search_now", "settle", "warm"]

_SPARE = 10
"""Hits read beyond those asked for: some may be gone, and the gate looks at more than are shown."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The question with its typing errors mended, what it means and who says so."""

    text: str
    meaning: Meaning
    encoder: Embedder


async def search(text: str, limit: int = 5) -> Findings:
    """The `limit` best live passages with the gate's verdict. Raises `DatabaseError`.

    First the encoder, then all else in one thread: side by side they would wait for each other, each for its
    turn of the interpreter, and the answer comes a millisecond later.
    """
    held = following.held()
    if held is None:
        held = await executors.database(following.follow)
    asked = await executors.compute(_embed, held, text)
    return await executors.database(_find, asked, text, limit)


def search_now(text: str, limit: int = 5) -> Findings:
    """The same for synchronous callers, commands and the admin, who wait until words are searched too."""
    held = following.settle()
    return _answer(held, _embed(held, text), _look_up(held, text), limit)


def warm() -> None:
    """Load the encoder and build the index, so that the first customer does not wait for it."""
    _embed(following.follow(), "warm")


def ready() -> bool:
    """The index of this process can be searched. Does not touch the database."""
    return following.held() is not None


def settle() -> None:
    """Wait until its words are searched too, which those of a large base are some seconds later."""
    following.settle()


def forget() -> None:
    """Drop the index; the next search builds it anew. For tests and for a changed encoder."""
    following.forget()


def _find(asked: _Asked, text: str, limit: int) -> Findings:
    held = following.keep_up()
    if asked.encoder is not _encoder(held):
        asked = _embed(held, text)
    return _answer(held, asked, _look_up(held, text), limit)


def _look_up(held: Held, text: str) -> WordHits:
    with following.using:
        return look_up(corrected(text, held.index.words, _encoder(held)), held.index.words)


def _embed(held: Held, text: str) -> _Asked:
    encoder = _encoder(held)
    with following.using:
        text = corrected(text, held.index.words, encoder)
    return _Asked(text, parts.read(encoder, text), encoder)


def _encoder(held: Held) -> Embedder:
    return held.encoder or registry.get("embedder")


def _answer(held: Held, asked: _Asked, worded: WordHits, limit: int) -> Findings:
    with following.using:
        ranked = rank(held.index, asked.meaning.vector, worded, limit + _SPARE)
    live = library.live_passages([hit.candidate.chunk_id for hit in ranked])
    with following.using:
        found = judge(held.index.words, asked.text, asked.meaning, ranked, live, limit)
    return replace(found, vector=asked.meaning.vector, embedder=asked.encoder.name)
