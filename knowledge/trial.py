"""Questions on trial: what one would bring, of the whole knowledge base or of one document."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from joblynk.providers import registry
from knowledge import gate, library, parts, ranking, search
from knowledge.index import PassageIndex
from knowledge.library import IndexedChunk, LivePassage
from knowledge.models import Chunk, Document
from knowledge.ranking import Findings, Passage

_SHOWN = 5  # what a customer's answer rests on
_LOOKED_AT = 50


class Placed(NamedTuple):
    """A passage with its place among all that was found, from 1."""

    place: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class Trial:
    """`findings` of the whole base with the gate's verdict; `placed` the document's among the first fifty;
    `alone` what the document would bring if it were all there is, also before it is published."""

    findings: Findings
    placed: tuple[Placed, ...]
    alone: list[Placed]
    threshold: float = gate.THRESHOLD

    @property
    def brought(self) -> tuple[Placed, ...]:
        """What of it an answer would rest on."""
        return tuple(placed for placed in self.placed if placed.place <= _SHOWN)

    @property
    def first(self) -> list[Placed]:
        return numbered(self.findings.passages)


def ask(question: str) -> Findings:
    """What the site would bring for `question` now, as a customer's question does."""
    return search.search_now(question, _SHOWN)


def ask_document(document: Document, question: str) -> Trial:
    wider = search.search_now(question, _LOOKED_AT).passages
    placed = tuple(
        Placed(place, passage)
        for place, passage in enumerate(wider, 1)
        if (passage.kind, passage.source_id) == ("document", document.pk)
    )
    return Trial(ask(question), placed, numbered(_alone(document, question)))


def numbered(passages: Sequence[Passage]) -> list[Placed]:
    return [Placed(place, passage) for place, passage in enumerate(passages, 1)]


def _alone(document: Document, question: str) -> tuple[Passage, ...]:
    """Rarity of words is then the document's own, so these scores compare among themselves only."""
    embedder = registry.get("embedder")
    if not library.state().recipe.startswith(f"{embedder.name}/"):
        return ()
    chunks = library.stored_chunks(document)
    index = PassageIndex(embedder.dimension)
    index.update([_indexed(chunk) for chunk in chunks])
    live = {chunk.pk: _live(document, chunk) for chunk in chunks}
    meaning = parts.read(embedder, question)
    found = ranking.rank(index, meaning.vector, ranking.look_up(question, index.words), _SHOWN)
    return ranking.judge(index.words, question, meaning, found, live, _SHOWN).passages


def _indexed(chunk: Chunk) -> IndexedChunk:
    vector = library.numbers(chunk.vector)
    key = f"d{chunk.document_id}"
    return IndexedChunk(chunk.pk, key, chunk.role, chunk.title, chunk.heading, chunk.text, vector)


def _live(document: Document, chunk: Chunk) -> LivePassage:
    return LivePassage(
        chunk.pk,
        "document",
        document.pk,
        chunk.title,
        chunk.heading,
        chunk.page,
        chunk.text,
        document.updated_at,
        bytes(chunk.vector),
        chunk.ocr,
    )
