"""What search indexes follow, and the words they show."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from sys import intern
from typing import Literal, NamedTuple

import numpy as np
from django.db import connection
from django.db.models import F, Q, QuerySet

from joblynk.providers.types import Vectors
from knowledge.models import Chunk, Document, Faq, IndexState, RemovedChunk

Kind = Literal["document", "faq"]
KINDS: tuple[Kind, ...] = ("document", "faq")

_BATCH = 500
_ROWS = 2_000  # read at once
_STATE = f"SELECT generation, recipe, floor FROM {IndexState._meta.db_table} WHERE id = 1"  # noqa: S608
_FLOAT = np.dtype("<f4")  # parsed once: a name would be parsed for every row


class State(NamedTuple):
    generation: int
    recipe: str


class IndexedChunk(NamedTuple):
    """What an index holds of a chunk. `vector` is float32, read-only; its first `dimension` numbers are the
    chunk's, length 1, and what follows belongs to `knowledge.parts`.

    `text` is what the lexical index should see: the passage, an FAQ's answer, or for a phrasing the
    phrasing itself. What is shown comes from `live_passages`.
    """

    chunk_id: int
    source_key: str  # "d12", "f3"
    role: str  # "passage", "phrasing"
    title: str
    heading: str
    text: str
    vector: Vectors


class ChunkWords(NamedTuple):
    """Of a chunk what is searched word by word."""

    chunk_id: int
    role: str
    title: str
    heading: str
    text: str


class ChunkVectors(NamedTuple):
    """Many chunks, each by its place in all four."""

    chunk_ids: Sequence[int]
    source_keys: Sequence[str]
    roles: Sequence[str]
    vectors: Sequence[bytes]

    def matrix(self, dimension: int) -> Vectors:
        """Float32 (chunks, dimension), without what follows the chunks' own vectors."""
        size = dimension * _FLOAT.itemsize
        return np.frombuffer(b"".join([row[:size] for row in self.vectors]), _FLOAT).reshape(-1, dimension)


@dataclass(frozen=True, slots=True)
class Changes:
    """Drop `removed`, then put `added`, whose ids may already be there: a chunk published again.

    `complete`: `added` is the whole index, and what was known before is to be forgotten.
    """

    generation: int
    recipe: str
    added: list[IndexedChunk]
    removed: list[int]
    complete: bool


@dataclass(frozen=True, slots=True)
class LivePassage:
    """Words as they stand now. `text` is Markdown from staff or from a file: data, to be escaped."""

    chunk_id: int
    kind: Kind
    source_id: int
    title: str
    heading: str
    page: int | None
    text: str
    updated_at: datetime
    vector: bytes = b""
    """As stored: see `knowledge.parts`."""
    ocr: bool = False
    """Read from a picture of the page, so letters may be wrong."""


def state() -> State:
    """One short query: cheap enough to ask before every search."""
    return State(*_state_row()[:2])


def changes_since(generation: int, recipe: str = "") -> Changes:
    """What an index of `generation` and `recipe` lacks; generation 0 asks for everything.

    Read state first: rows that commit meanwhile may be told twice, never missed.
    """
    now, serving, floor = _state_row()
    complete = _is_cut_off(generation, recipe, serving, floor)
    if generation == now and not complete:
        return Changes(now, serving, [], [], complete=False)
    chunks = _served(serving)
    if not complete:
        chunks = chunks.filter(generation__gt=generation)
    rows = chunks.values_list("pk", "document_id", "faq_id", "role", "title", "heading", "text", "vector")
    make = IndexedChunk._make
    added = [
        make((pk, _key(document, faq), role, title, heading, text, numbers(vector)))
        for pk, document, faq, role, title, heading, text, vector in rows.iterator(chunk_size=_ROWS)
    ]
    removed: list[int] = []
    if not complete:
        gone = RemovedChunk.objects.filter(generation__gt=generation)
        removed = list(gone.values_list("chunk_id", flat=True))
    return Changes(now, serving, added, removed, complete)


def is_cut_off(generation: int, recipe: str) -> bool:
    """An index of `generation` and `recipe` has to be built anew: no changes lead from it to what is."""
    _, serving, floor = _state_row()
    return _is_cut_off(generation, recipe, serving, floor)


def served_vectors(recipe: str) -> Iterator[ChunkVectors]:
    """Everything published, some thousand chunks at a time. Read `state` first: what commits meanwhile
    may be here already and is told again by `changes_since`."""
    rows = _served(recipe).values_list("pk", "document_id", "faq_id", "role", "vector")
    reading = rows.iterator(chunk_size=_ROWS)
    while part := list(islice(reading, _ROWS)):
        chunk_ids, documents, faqs, roles, vectors = zip(*part, strict=True)
        keys = [intern(_key(document, faq)) for document, faq in zip(documents, faqs, strict=True)]
        yield ChunkVectors(chunk_ids, keys, roles, vectors)


def served_words(recipe: str) -> Iterator[ChunkWords]:
    """The same chunks by their words."""
    rows = _served(recipe).values_list("pk", "role", "title", "heading", "text")
    return map(ChunkWords._make, rows.iterator(chunk_size=_ROWS))


# Made once: Django takes longer to put this together than to run it.
_LIVE = Chunk.objects.filter(Q(document__published=True) | Q(faq__published=True)).values_list(
    "pk",
    "document_id",
    "document__title",
    "document__updated_at",
    "heading",
    "page",
    "text",
    "faq_id",
    "faq__question",
    "faq__answer",
    "faq__updated_at",
    "vector",
    "ocr",
)


def live_passages(chunk_ids: Iterable[int]) -> dict[int, LivePassage]:
    """The published ones among `chunk_ids`, in one query; ids that are gone are left out."""
    rows = _LIVE.filter(pk__in=list(chunk_ids))
    passages: dict[int, LivePassage] = {}
    for (
        pk,
        document,
        title,
        updated,
        heading,
        page,
        text,
        faq,
        question,
        answer,
        answered,
        vector,
        ocr,
    ) in rows:
        if document:
            passages[pk] = LivePassage(
                pk, "document", document, title, heading, page, text, updated, bytes(vector), ocr
            )
        else:
            passages[pk] = LivePassage(pk, "faq", faq, question, "", None, answer, answered, bytes(vector))
    return passages


def raise_generation(first_recipe: str = "") -> tuple[int, str]:
    """The new generation and the recipe that is served, with the row locked until commit. The first
    recipe that is ever written is served from the start."""
    row = IndexState.objects.filter(pk=1)
    if not row.update(generation=F("generation") + 1):
        IndexState.objects.get_or_create(pk=1)
        row.update(generation=F("generation") + 1)
    generation, serving, _ = _state_row()
    if not serving and first_recipe:
        row.update(recipe=first_recipe)
        serving = first_recipe
    return generation, serving


def bury(chunk_ids: Iterable[int], generation: int) -> None:
    RemovedChunk.objects.bulk_create(
        [RemovedChunk(chunk_id=pk, generation=generation) for pk in chunk_ids], batch_size=_BATCH
    )


def _served(recipe: str) -> QuerySet[Chunk]:
    # "published IN (false)" takes the index where "NOT published" reads every source.
    chunks = Chunk.objects.filter(recipe=recipe)
    chunks = chunks.exclude(document__in=Document.objects.filter(published__in=[False]))
    return chunks.exclude(faq__in=Faq.objects.filter(published__in=[False]))


def _key(document: int | None, faq: int | None) -> str:
    return f"d{document}" if document else f"f{faq}"


def _is_cut_off(generation: int, recipe: str, serving: str, floor: int) -> bool:
    return generation == 0 or generation < floor or recipe != serving


def numbers(stored: bytes | memoryview) -> Vectors:
    """As many as there are: what follows the chunk's own vector makes no sense as such."""
    return np.frombuffer(stored, _FLOAT, count=len(stored) // _FLOAT.itemsize)


def _state_row() -> tuple[int, str, int]:
    """Asked before every search: as SQL, because to build it anew takes three times as long as to ask it."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        return cursor.fetchone() or (0, "", 0)
