"""Sources → chunks with vectors: extract, cut, embed what is new, replace in one transaction.

Only texts that no chunk of the same recipe holds are embedded; `reindex` gathers them over many
sources, because an encoder is fast in batches only. What fails leaves the old chunks serving.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from time import monotonic, sleep
from typing import Literal

from django.contrib.auth.models import AbstractBaseUser

from joblynk.providers.types import Embedder
from knowledge import library, parts
from knowledge.chunking import CHUNKING_VERSION, LIMIT, Piece, chunk, embed_text
from knowledge.extract import Extracted, ExtractError, Extractor
from knowledge.models import TITLE_LENGTH, Chunk, Document, Faq, IndexBuild
from knowledge.parts import PARTS_VERSION

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
class _Prepared:
    """A source that was read. `error`: its chunks stand in for a text that could not be read."""

    row: Document | Faq
    chunks: list[library.NewChunk]
    pages: int | None = None
    error: str = ""


@dataclass(slots=True)
class _Tally:
    sources: int = 0
    embedded: int = 0
    kept: int = 0
    removed: int = 0
    failed: int = 0

    def report(self, *, joined: bool = False) -> Report:
        return Report(self.sources, self.embedded, self.kept, self.removed, self.failed, joined)


def recipe(embedder: Embedder) -> str:
    """Names everything a vector depends on besides its text."""
    return f"{embedder.name}/chunk-v{CHUNKING_VERSION}/parts-v{PARTS_VERSION}"


def run(document_id: int, embedder: Embedder | None = None) -> Report:
    """Read one document and make it searchable; staff see how far it is."""
    return _run_one("document", document_id, embedder or _embedder())


def run_faq(faq_id: int, embedder: Embedder | None = None) -> Report:
    return _run_one("faq", faq_id, embedder or _embedder())


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

    One run at a time: a second call waits for the first and returns its figures.
    """
    build, mine = library.begin_build(reason or scope, by)
    if not mine:
        return _join(build)
    try:
        report = _reindex(scope, embedder or _embedder(), progress, build)
    except BaseException as error:
        build.error = type(error).__name__
        library.end_build(build)
        raise
    build.embedded, build.kept = report.embedded, report.kept
    build.removed, build.failed = report.removed, report.failed
    library.end_build(build)
    return report


# --- Steps -------------------------------------------------------------------------------------
def _reindex(scope: Scope, embedder: Embedder, progress: Progress, build: IndexBuild) -> Report:
    wanted = recipe(embedder)
    stamps = list(library.stamps())
    todo = [stamp for stamp in stamps if scope == "all" or _reason(stamp, wanted)]
    tally = _Tally(sources=len(todo), kept=sum(s.chunks for s in stamps) - sum(s.chunks for s in todo))
    heart = _Heart(build)
    progress(0, len(todo))
    done = 0
    with Extractor() as extractor:
        for batch in _batches(todo, embedder, extractor, heart.beat):

            def tick(part: float, before: int = done, sources: int = batch.sources) -> None:
                heart.beat()
                progress(before + int(part * sources), len(todo))

            _store(batch.prepared, embedder, tally, reuse=scope == "changed", tick=tick)
            tally.failed += batch.failed
            done += batch.sources
    progress(done, len(todo))
    _flip(wanted)
    return tally.report()


@dataclass(slots=True)
class _Batch:
    prepared: list[_Prepared] = field(default_factory=list)
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
        prepared = _prepare(row, embedder, extractor) if row is not None else None
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


def _run_one(kind: library.Kind, source_id: int, embedder: Embedder) -> Report:
    row = library.source(kind, source_id)
    if row is None:
        return Report()
    tally = _Tally(sources=1)
    if isinstance(row, Document):
        library.mark(row, Document.State.READING)
    with Extractor() as extractor:
        prepared = _prepare(row, embedder, extractor)
    if prepared is None:
        tally.failed = 1
    else:
        if isinstance(row, Document):
            library.mark(row, Document.State.EMBEDDING)
        _store([prepared], embedder, tally, reuse=True, tick=lambda part: None)
        tally.failed = int(bool(prepared.error))
    _flip(recipe(embedder))
    return tally.report()


def _prepare(row: Document | Faq, embedder: Embedder, extractor: Extractor) -> _Prepared | None:
    """Read and cut one source; None when it cannot be read and nothing has to be written but that."""
    if isinstance(row, Faq):
        return _Prepared(row, _faq_chunks(row, embedder))
    row.content_hash = library.stored_hash(row)
    try:
        extracted = _extracted(row, extractor)
    except ExtractError as error:
        log.warning("Document %s cannot be read: %s", row.pk, error.code)
        if library.state().recipe in ("", recipe(embedder)):
            library.fail(row, recipe(embedder), error.words)
            return None
        # Another recipe is on its way: what is served now has to be carried over to it.
        kept = [_rebuilt(served) for served in library.served_chunks(row)]
        return _Prepared(row, kept, row.pages, error.words)
    row.title = row.title or extracted.title[:TITLE_LENGTH].strip() or Path(row.name).stem
    limit = min(LIMIT, embedder.max_tokens)
    pieces = chunk(row.title, extracted.sections, embedder.count_tokens, limit=limit)
    return _Prepared(row, [_passage(row.title, piece) for piece in pieces], extracted.pages)


def _extracted(document: Document, extractor: Extractor) -> Extracted:
    if document.file:
        return extractor.file(Path(document.file.path), document.format)
    return extractor.text(document.text, document.format)


def _store(
    prepared: Sequence[_Prepared],
    embedder: Embedder,
    tally: _Tally,
    *,
    reuse: bool,
    tick: Callable[[float], None],
) -> None:
    """Embed what is new in all of them at once, then write source by source. `tick` hears how much of
    the embedding is done, from 0 to 1."""
    wanted = recipe(embedder)
    texts = {new.text_hash: _embedded_text(new) for source in prepared for new in source.chunks}
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


# --- Chunks without their vectors --------------------------------------------------------------
def _passage(title: str, piece: Piece) -> library.NewChunk:
    text_hash = _hash(embed_text(title, piece.heading, piece.text))
    return library.NewChunk(
        piece.position,
        Chunk.Role.PASSAGE,
        title,
        piece.heading,
        piece.page,
        piece.text,
        piece.tokens,
        text_hash,
        b"",
    )


def _faq_chunks(faq: Faq, embedder: Embedder) -> list[library.NewChunk]:
    """The answer under its question, then one chunk per way to ask."""
    tokens = embedder.count_tokens(embed_text(faq.question, "", faq.answer))
    chunks = [_passage(faq.question, Piece(faq.answer, "", None, 0, tokens))]
    for phrasing in dict.fromkeys([faq.question, *faq.phrasings]):
        chunks.append(
            library.NewChunk(
                len(chunks),
                Chunk.Role.PHRASING,
                faq.question,
                "",
                None,
                phrasing,
                embedder.count_tokens(phrasing),
                _hash(phrasing),
                b"",
            )
        )
    return chunks


def _rebuilt(served: Chunk) -> library.NewChunk:
    piece = Piece(served.text, served.heading, served.page, served.position, served.tokens)
    return _passage(served.title, piece)


def _embedded_text(new: library.NewChunk) -> str:
    return new.text if new.role == Chunk.Role.PHRASING else embed_text(new.title, new.heading, new.text)


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _embedder() -> Embedder:
    from joblynk.providers import registry  # models load here, not when a command is listed

    return registry.get("embedder")


# --- Builds ------------------------------------------------------------------------------------
class _Heart:
    """Shows a sign of life at most every few seconds."""

    def __init__(self, build: IndexBuild) -> None:
        self._build = build
        self._last = monotonic()

    def beat(self) -> None:
        if monotonic() - self._last > 5:
            library.beat(self._build)
            self._last = monotonic()


def _join(running: IndexBuild) -> Report:
    build = running
    while library.is_running(build):
        sleep(_JOIN_SECONDS)
        build = library.build(running.pk) or running
    return Report(0, build.embedded, build.kept, build.removed, build.failed, joined=True)
