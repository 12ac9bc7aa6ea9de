"""The chunks of a source: looked up, replaced, switched to another recipe."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from knowledge.library.index import bury, raise_generation, state
from knowledge.library.versions import complete_version, served_texts, unread_version
from knowledge.models import Chunk, Document, Faq, IndexState, RemovedChunk

_BATCH = 500


@dataclass(frozen=True, slots=True)
class NewChunk:
    """`vector` is float32 little-endian."""

    position: int
    role: str
    title: str
    heading: str
    page: int | None
    text: str
    tokens: int
    text_hash: str
    vector: bytes
    ocr: bool = False


class Replaced(NamedTuple):
    added: int
    kept: int
    removed: int


def known_vectors(hashes: Iterable[str], recipe: str) -> dict[str, bytes]:
    """Vectors of texts that some chunk of this recipe already holds."""
    wanted = list(dict.fromkeys(hashes))
    known: dict[str, bytes] = {}
    for start in range(0, len(wanted), _BATCH):
        rows = Chunk.objects.filter(text_hash__in=wanted[start : start + _BATCH], recipe=recipe)
        known.update(
            (text_hash, bytes(vector)) for text_hash, vector in rows.values_list("text_hash", "vector")
        )
    return known


def served_chunks(row: Document | Faq) -> list[Chunk]:
    """The chunks that answer now, in reading order, without their vectors."""
    chunks = Chunk.objects.filter(**_of(row), recipe=state().recipe)
    return list(chunks.defer("vector").order_by("position"))


def replace_chunks(
    row: Document | Faq, chunks: Sequence[NewChunk], recipe: str, *, pages: int | None = None, error: str = ""
) -> Replaced | None:
    """Make `chunks` the index of `row`; those that did not change keep their ids.

    `row` carries the title and content hash that were read. If the source has other content by now
    nothing is written and the result is None: the task of that change will write. With `error`
    the chunks stand in for a text that could not be read.
    """
    with transaction.atomic():
        fresh = type(row).objects.select_for_update().filter(pk=row.pk).first()
        if fresh is None or not _same_content(fresh, row):
            return None
        generation, serving = raise_generation(recipe)
        version = unread_version(row) if isinstance(row, Document) and not error else None
        before = served_texts(version.document, serving) if version else []
        replaced = _replace(row, chunks, recipe, generation, tell=recipe == serving)
        _stamp(row, recipe, len(chunks), pages=pages, error=error)
        if version:
            complete_version(version, before, [chunk.text for chunk in chunks], pages)
        return replaced


def fail(document: Document, recipe: str, words: str) -> None:
    """It cannot be read. Chunks that are served stay. Says nothing of content that came meanwhile."""
    with transaction.atomic():
        fresh = Document.objects.select_for_update().filter(pk=document.pk).first()
        if fresh is not None and _same_content(fresh, document):
            _stamp(document, recipe, document.chunk_count, error=words)


def flip(recipe: str) -> bool:
    """Serve `recipe` when every source was read under it, and drop the chunks of other recipes."""
    with transaction.atomic():
        generation, serving = raise_generation(recipe)
        if serving == recipe:
            return False
        if any(model.objects.exclude(indexed_recipe=recipe).exists() for model in (Document, Faq)):
            return False
        IndexState.objects.filter(pk=1).update(recipe=recipe, floor=generation)
        RemovedChunk.objects.all().delete()
        Chunk.objects.exclude(recipe=recipe).delete()
        return True


def drop_chunks(chunk_ids: Sequence[int]) -> None:
    """Take chunks out of the index, in every process. Their sources are to be read again."""
    with transaction.atomic():
        generation, _ = raise_generation()
        bury(chunk_ids, generation)
        for start in range(0, len(chunk_ids), _BATCH):
            Chunk.objects.filter(pk__in=chunk_ids[start : start + _BATCH]).delete()


def _of(row: Document | Faq) -> dict[str, int]:
    return {"document_id" if isinstance(row, Document) else "faq_id": row.pk}


def _same_content(fresh: Document | Faq, row: Document | Faq) -> bool:
    if isinstance(fresh, Document) and isinstance(row, Document):
        if fresh.title and fresh.title != row.title:
            return False
        return (fresh.file.name, fresh.text, fresh.format) == (row.file.name, row.text, row.format)
    return fresh.fingerprint == row.fingerprint


def _replace(
    row: Document | Faq, chunks: Sequence[NewChunk], recipe: str, generation: int, *, tell: bool
) -> Replaced:
    old: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    fields = ("role", "title", "heading", "page", "text", "text_hash", "ocr")
    for pk, position, *key in Chunk.objects.filter(**_of(row), recipe=recipe).values_list(
        "pk", "position", *fields
    ):
        old.setdefault(tuple(key), []).append((pk, position))
    added: list[Chunk] = []
    moved: list[Chunk] = []
    for chunk in chunks:
        if same := old.get(tuple(getattr(chunk, field) for field in fields)):
            pk, position = same.pop()
            if position != chunk.position:
                moved.append(Chunk(pk=pk, position=chunk.position))
            continue
        values = {field: getattr(chunk, field) for field in NewChunk.__slots__}
        added.append(Chunk(**_of(row), **values, recipe=recipe, generation=generation))
    gone = [pk for left in old.values() for pk, _ in left]
    Chunk.objects.bulk_create(added, batch_size=_BATCH)
    Chunk.objects.bulk_update(moved, ["position"], batch_size=_BATCH)
    if gone:
        if tell:
            bury(gone, generation)
        Chunk.objects.filter(pk__in=gone).delete()
    return Replaced(len(added), len(chunks) - len(added), len(gone))


def _stamp(
    row: Document | Faq, recipe: str, chunk_count: int, *, pages: int | None = None, error: str = ""
) -> None:
    values: dict[str, object] = {
        "indexed_hash": row.fingerprint,
        "indexed_recipe": recipe,
        "chunk_count": chunk_count,
        "due_at": None,
        "attempts": 0,
    }
    if isinstance(row, Document):
        values |= {"title": row.title, "content_hash": row.content_hash, "error": error}
        if error:
            values["state"] = Document.State.FAILED
        else:
            values |= {"state": Document.State.READY, "pages": pages, "ready_at": timezone.now()}
    type(row).objects.filter(pk=row.pk).update(**values)
