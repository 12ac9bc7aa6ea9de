"""Sources → chunks with vectors: extract, cut, embed what is new, replace in one transaction.

Only texts that no chunk of the same recipe holds are embedded; `reindex` gathers them over many
sources, because an encoder is fast in batches only. What fails leaves the old chunks serving.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic, sleep
from typing import Literal

from django.contrib.auth.models import AbstractBaseUser

from joblynk import stopping
from joblynk.providers.types import Embedder
from joblynk.stopping import Stopped
from knowledge import library, parts
from knowledge.extract import Extractor
from knowledge.models import Document, Faq, IndexBuild
from knowledge.reading import Prepared, embedded_text, prepare, recipe

__all__ = [
    "Drift",
    "Progress",
    "Report",
    "Scope",
    "drift",
    "recipe",
    "reindex",
    "run",
    "run_faq",
    "serves",
    "take",
    "unfinished",
]

log = logging.getLogger(__name__)

Scope = Literal["changed", "all"]
Progress = Callable[[int, int], None]
"""Called with (sources done, sources in all)."""

_GATHER = 512  # passages read before they are embedded; more gain nothing and hold memory
_SLICE = 64  # passages embedded in one call
_JOIN_SECONDS = 0.5
_NOT_EMBEDDED = "The text was read but could not be added to the search. Use “Read again” to retry."


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. `joined`: another run was under way, and these are its figures."""

    sources: int = 0
    embedded: int = 0
    kept: int = 0
    removed: int = 0
    failed: int = 0
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    kind: library.Kind
    source_id: int
    title: str
    reason: str


@dataclass(slots=True)
class _Tally:
    sources: int = 0
    embedded: int = 0
    kept: int = 0
    removed: int = 0
    failed: int = 0

    def report(self, *, joined: bool = False) -> Report:
        return Report(self.sources, self.embedded, self.kept, self.removed, self.failed, joined)


def run(document_id: int, embedder: Embedder | None = None) -> Report:
    """Read one document and make it searchable; staff see how far it is."""
    return _run("document", document_id, embedder)


def run_faq(faq_id: int, embedder: Embedder | None = None) -> Report:
    return _run("faq", faq_id, embedder)


def take(
    kind: library.Kind,
    source_id: int,
    *,
    embedder: Embedder | None = None,
    extractor: Extractor | None = None,
    told: Callable[[Report], None] = lambda report: None,
) -> datetime | None:
    """Read a source that is due, under a lease, and tell what that took. What goes wrong with it is logged
    and told to staff, not raised; returns when it will be tried again, None when that will not be. Raises
    Stopped, with the source due again, when this process is to end."""
    stopping.check()
    lease = library.claim(kind, source_id)
    if lease is None:
        return None

    def alive() -> None:
        stopping.check()
        lease.beat()

    try:
        with _extractor(extractor) as ours:
            told(_read_one(lease.row, embedder or _embedder(), ours, alive))
    except Stopped:
        lease.hand_back()
        raise
    except Exception:
        log.exception("%s %s: attempt %s failed", kind, source_id, lease.row.attempts)
        return lease.postpone(_NOT_EMBEDDED)
    lease.release()
    return None


def serves(embedder: Embedder) -> bool:
    """What is searched now was made with this embedder and this version."""
    return library.state().recipe == recipe(embedder)


def unfinished(embedder: Embedder | None = None) -> bool:
    """Something waits to be read, or was read with another model or another version of this program.
    Looks at the database alone, so files that changed behind it are not seen: `drift` sees them."""
    return library.unfinished(recipe(embedder or _embedder()))


def drift(embedder: Embedder | None = None) -> list[Drift]:
    """Sources whose chunks are not what their content asks for. Writes nothing."""
    wanted = recipe(embedder or _embedder())
    return [
        Drift(stamp.kind, stamp.source_id, stamp.title, reason)
        for stamp in library.stamps()
        if (reason := _reason(stamp, wanted))
    ]


def reindex(
    scope: Scope = "changed",
    *,
    embedder: Embedder | None = None,
    progress: Progress = lambda done, total: None,
    reason: str = "",
    by: AbstractBaseUser | None = None,
) -> Report:
    """Bring the index up to date: what changed, or everything, embedded anew.

    One run at a time: a second call waits for the first and returns its figures, or takes over when that
    was killed, and then reads everything if that was to.
    """
    everything = scope == "all"
    build, mine = library.begin_build(reason or scope, by, everything=everything)
    while not mine:
        if report := _join(build):
            return report
        build, mine = library.begin_build(reason or scope, by, everything=everything)
    try:
        report = _reindex(embedder or _embedder(), progress, build)
    except Stopped:
        library.hand_build_back(build)
        raise
    except BaseException as error:
        build.error = type(error).__name__
        library.end_build(build)
        raise
    build.embedded, build.kept = report.embedded, report.kept
    build.removed, build.failed = report.removed, report.failed
    library.end_build(build)
    return report


# --- Steps -------------------------------------------------------------------------------------
def _reindex(embedder: Embedder, progress: Progress, build: IndexBuild) -> Report:
    wanted = recipe(embedder)
    stamps = list(library.stamps())
    todo = [stamp for stamp in stamps if build.everything or _reason(stamp, wanted)]
    tally = _Tally(sources=len(todo), kept=sum(s.chunks for s in stamps) - sum(s.chunks for s in todo))
    heart = _Heart(build, len(todo))
    progress(0, len(todo))
    done = 0
    with Extractor() as extractor:
        for batch in _batches(todo, embedder, extractor, heart.beat):

            def tick(part: float, before: int = done, sources: int = batch.sources) -> None:
                heart.beat(before + int(part * sources))
                progress(before + int(part * sources), len(todo))

            _store(batch.prepared, embedder, tally, reuse=not build.everything, tick=tick)
            tally.failed += batch.failed
            done += batch.sources
    progress(done, len(todo))
    library.note_progress(build, done, len(todo))
    _flip(wanted)
    return tally.report()


@dataclass(slots=True)
class _Batch:
    prepared: list[Prepared] = field(default_factory=list)
    texts: int = 0
    sources: int = 0
    failed: int = 0


def _batches(
    todo: Sequence[library.Stamp], embedder: Embedder, extractor: Extractor, alive: Callable[[], None]
) -> Iterator[_Batch]:
    """Sources read and cut, about `_GATHER` texts at a time."""
    batch = _Batch()
    for row in library.sources(todo):
        alive()
        batch.sources += 1
        prepared = prepare(row, embedder, extractor, alive) if row is not None else None
        if prepared is None or prepared.error:
            batch.failed += row is not None
        if prepared is not None:
            batch.prepared.append(prepared)
            batch.texts += len(prepared.chunks)
        if batch.texts >= _GATHER:
            yield batch
            batch = _Batch()
    if batch.sources:
        yield batch


def _run(kind: library.Kind, source_id: int, embedder: Embedder | None) -> Report:
    row = library.source(kind, source_id)
    if row is None:
        return Report()
    if isinstance(row, Document):
        library.mark(row, Document.State.READING)
    with Extractor() as extractor:
        return _read_one(row, embedder or _embedder(), extractor, lambda: None)


def _read_one(
    row: Document | Faq, embedder: Embedder, extractor: Extractor, alive: Callable[[], None]
) -> Report:
    tally = _Tally(sources=1)
    prepared = prepare(row, embedder, extractor, alive)
    if prepared is None:
        tally.failed = 1
    else:
        if isinstance(row, Document):
            library.mark(row, Document.State.EMBEDDING)
        _store([prepared], embedder, tally, reuse=True, tick=lambda part: alive())
        tally.failed = int(bool(prepared.error))
    _flip(recipe(embedder))
    return tally.report()


def _store(
    prepared: Sequence[Prepared],
    embedder: Embedder,
    tally: _Tally,
    *,
    reuse: bool,
    tick: Callable[[float], None],
) -> None:
    """Embed what is new in all of them at once, then write source by source. `tick` hears how much of
    the embedding is done, from 0 to 1."""
    wanted = recipe(embedder)
    texts = {new.text_hash: embedded_text(new) for source in prepared for new in source.chunks}
    vectors = library.known_vectors(texts, wanted) if reuse else {}
    missing = {text_hash: text for text_hash, text in texts.items() if text_hash not in vectors}
    try:
        vectors |= _embedded(missing, embedder, tick)
    except Exception:
        for source in prepared:
            if isinstance(source.row, Document):
                library.mark(source.row, Document.State.FAILED, _NOT_EMBEDDED)
        raise
    tally.embedded += len(missing)
    for source in prepared:
        chunks = [replace(new, vector=vectors[new.text_hash]) for new in source.chunks]
        written = library.replace_chunks(source.row, chunks, wanted, pages=source.pages, error=source.error)
        if written:
            tally.kept += written.kept
            tally.removed += written.removed


def _embedded(
    texts: Mapping[str, str], embedder: Embedder, tick: Callable[[float], None]
) -> dict[str, bytes]:
    """Vectors by text hash. Texts of like length go together, which leaves little padding."""
    vectors: dict[str, bytes] = {}
    hashes = sorted(texts, key=lambda text_hash: len(texts[text_hash]), reverse=True)
    for start in range(0, len(hashes), _SLICE):
        part = hashes[start : start + _SLICE]
        rows = parts.embed(embedder, [texts[text_hash] for text_hash in part])
        vectors.update(zip(part, rows, strict=True))
        tick(len(vectors) / len(hashes))
    return vectors


def _flip(wanted: str) -> None:
    if library.state().recipe != wanted and library.flip(wanted):
        log.info("The index now serves %s", wanted)


def _reason(stamp: library.Stamp, wanted: str) -> str:
    if not stamp.indexed_hash:
        return "not indexed yet"
    if stamp.fingerprint != stamp.indexed_hash:
        return "content changed"
    if stamp.indexed_recipe != wanted:
        return "made with another recipe"
    if stamp.chunks != stamp.expected:
        return f"{stamp.chunks} of {stamp.expected} passages are there"
    return ""


@contextmanager
def _extractor(given: Extractor | None) -> Iterator[Extractor]:
    """The given one, which stays open, or one for this once."""
    if given is not None:
        yield given
        return
    with Extractor() as ours:
        yield ours


def _embedder() -> Embedder:
    from joblynk.providers import registry  # models load here, not when a command is listed

    return registry.get("embedder")


# --- Builds ------------------------------------------------------------------------------------
class _Heart:
    """Shows a sign of life, and how far it is, at most every second."""

    def __init__(self, build: IndexBuild, total: int) -> None:
        self._build, self._total = build, total
        self._done = 0
        self._last = 0.0

    def beat(self, done: int | None = None) -> None:
        stopping.check()
        self._done = self._done if done is None else done
        if monotonic() - self._last > 1:
            library.note_progress(self._build, self._done, self._total)
            self._last = monotonic()


def _join(running: IndexBuild) -> Report | None:
    """The figures of a run of somebody else once it has ended; None when it was killed."""
    build = running
    while library.is_running(build):
        sleep(_JOIN_SECONDS)
        build = library.build(running.pk) or running
    if build.finished_at is None:
        return None
    return Report(0, build.embedded, build.kept, build.removed, build.failed, joined=True)
