"""A source → its chunks, still without vectors."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from joblynk.providers.types import Embedder
from knowledge import library
from knowledge.chunking import CHUNKING_VERSION, LIMIT, Piece, chunk, embed_text
from knowledge.extract import Extracted, ExtractError, Extractor
from knowledge.models import TITLE_LENGTH, Chunk, Document, Faq
from knowledge.parts import PARTS_VERSION

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Prepared:
    """A source that was read. `error`: its chunks stand in for a text that could not be read."""

    row: Document | Faq
    chunks: list[library.NewChunk]
    pages: int | None = None
    error: str = ""


def recipe(embedder: Embedder) -> str:
    """Names everything a vector depends on besides its text."""
    return f"{embedder.name}/chunk-v{CHUNKING_VERSION}/parts-v{PARTS_VERSION}"


def prepare(
    row: Document | Faq, embedder: Embedder, extractor: Extractor, alive: Callable[[], None]
) -> Prepared | None:
    """Read and cut one source; None when it cannot be read and nothing has to be written but that.
    `alive` is called every few seconds meanwhile."""
    if isinstance(row, Faq):
        return Prepared(row, _faq_chunks(row, embedder))
    row.content_hash = library.stored_hash(row)
    try:
        extracted = _extracted(row, extractor, alive)
    except ExtractError as error:
        log.warning("Document %s cannot be read: %s", row.pk, error.code)
        if library.state().recipe in ("", recipe(embedder)):
            library.fail(row, recipe(embedder), error.words)
            return None
        # Another recipe is on its way: what is served now has to be carried over to it.
        kept = [_rebuilt(served) for served in library.served_chunks(row)]
        return Prepared(row, kept, row.pages, error.words)
    row.title = row.title or extracted.title[:TITLE_LENGTH].strip() or Path(row.name).stem
    limit = min(LIMIT, embedder.max_tokens)
    pieces = chunk(row.title, extracted.sections, embedder.count_tokens, limit=limit)
    return Prepared(row, [_passage(row.title, piece) for piece in pieces], extracted.pages)


def embedded_text(new: library.NewChunk) -> str:
    return new.text if new.role == Chunk.Role.PHRASING else embed_text(new.title, new.heading, new.text)


def _extracted(document: Document, extractor: Extractor, alive: Callable[[], None]) -> Extracted:
    if document.file:
        return extractor.file(Path(document.file.path), document.format, alive)
    return extractor.text(document.text, document.format, alive)


def _passage(title: str, piece: Piece) -> library.NewChunk:
    return library.NewChunk(
        position=piece.position,
        role=Chunk.Role.PASSAGE,
        title=title,
        heading=piece.heading,
        page=piece.page,
        text=piece.text,
        tokens=piece.tokens,
        text_hash=_hash(embed_text(title, piece.heading, piece.text)),
        vector=b"",
        ocr=piece.ocr,
    )


def _faq_chunks(faq: Faq, embedder: Embedder) -> list[library.NewChunk]:
    """The answer under its question, then one chunk per way to ask."""
    tokens = embedder.count_tokens(embed_text(faq.question, "", faq.answer))
    chunks = [_passage(faq.question, Piece(faq.answer, "", None, 0, tokens))]
    for phrasing in dict.fromkeys([faq.question, *faq.phrasings]):
        chunks.append(
            library.NewChunk(
                position=len(chunks),
                role=Chunk.Role.PHRASING,
                title=faq.question,
                heading="",
                page=None,
                text=phrasing,
                tokens=embedder.count_tokens(phrasing),
                text_hash=_hash(phrasing),
                vector=b"",
            )
        )
    return chunks


def _rebuilt(served: Chunk) -> library.NewChunk:
    piece = Piece(served.text, served.heading, served.page, served.position, served.tokens, served.ocr)
    return _passage(served.title, piece)


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
