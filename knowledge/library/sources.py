"""Documents and FAQs as staff and loaders write them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import File
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from knowledge.library.index import Kind, bury, raise_generation
from knowledge.library.versions import note_version
from knowledge.models import Chunk, Document, Faq, RemovedChunk, content_hash

Model = type[Document] | type[Faq]

MODELS: dict[Kind, Model] = {"document": Document, "faq": Faq}
_BATCH = 500
_PAGE = 32  # rows with their whole text
_INDEXED = {"indexed_hash", "indexed_recipe", "chunk_count", "pages", "ready_at"}
_PROGRESS = {"state", "error", "due_at", "attempts"}


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a source stands against the index. `fingerprint` is of what is stored now; `chunks`
    counts the rows of `indexed_recipe`."""

    kind: Kind
    source_id: int
    title: str
    fingerprint: str
    indexed_hash: str
    indexed_recipe: str
    expected: int
    chunks: int


def source(kind: Kind, source_id: int) -> Document | Faq | None:
    return MODELS[kind].objects.filter(pk=source_id).first()


def sources(told: Sequence[Stamp]) -> Iterator[Document | Faq | None]:
    """The rows of `told`, in its order, a page of them in one query; None for what is gone."""
    for start in range(0, len(told), _PAGE):
        page = told[start : start + _PAGE]
        rows = {
            kind: model.objects.in_bulk([stamp.source_id for stamp in page if stamp.kind == kind])
            for kind, model in MODELS.items()
        }
        for stamp in page:
            yield rows[stamp.kind].get(stamp.source_id)


def stamps() -> Iterator[Stamp]:
    """Every source. Files and texts are hashed anew, so that what changed behind the admin is seen."""
    for kind, model in MODELS.items():
        counts: dict[tuple[int, str], int] = {
            (pk, recipe): count
            for pk, recipe, count in Chunk.objects.filter(**{f"{kind}__isnull": False})
            .values_list(f"{kind}_id", "recipe")
            .annotate(count=Count("pk"))
        }
        for row in model.objects.order_by("pk").iterator(chunk_size=_BATCH):
            if isinstance(row, Document):
                row.content_hash = stored_hash(row)
            chunks = counts.get((row.pk, row.indexed_recipe), 0)
            yield Stamp(
                kind,
                row.pk,
                str(row),
                row.fingerprint,
                row.indexed_hash,
                row.indexed_recipe,
                row.chunk_count,
                chunks,
            )


def stored_hash(document: Document) -> str:
    """SHA-256 of what would be read now; "" when the file is gone."""
    if not document.file:
        return content_hash(document.text.encode())
    try:
        with document.file.open("rb") as file:
            return content_hash(file.read())
    except OSError:
        return ""


def mark(document: Document, state: Document.State, error: str = "") -> None:
    """Tell staff how far it is. Not an edit: `updated_at` stays."""
    Document.objects.filter(pk=document.pk).update(state=state, error=error)


def save_document(
    document: Document, *, file: File[bytes] | None = None, by: AbstractBaseUser | None = None
) -> bool:
    """Store it; True when its content is new to the index, and so wants `tasks.ingest_document`.

    A new `file` takes the place of the old one, which is deleted after the commit.
    """
    with transaction.atomic():
        if file is not None:
            forget_file(document)
            content = file.read()
            document.content_hash, document.size = content_hash(content), len(content)
            file.seek(0)
            document.file, document.text = file, ""
        elif not document.file:
            content = document.text.encode()
            document.content_hash, document.size = content_hash(content), len(content)
        changed = document.fingerprint != document.indexed_hash
        if changed:
            document.state, document.error = Document.State.PENDING, ""
        publish_now = _publication_changed(document)
        _save(document, changed=changed)
        note_version(document, by)
        if publish_now:
            set_published("document", [document.pk], document.published)
        return changed


def save_faq(faq: Faq) -> bool:
    """Store it; True when its content is new to the index, and so wants `tasks.ingest_faq`."""
    with transaction.atomic():
        changed = faq.fingerprint != faq.indexed_hash
        publish_now = _publication_changed(faq)
        _save(faq, changed=changed)
        if publish_now:
            set_published("faq", [faq.pk], faq.published)
        return changed


def set_published(kind: Kind, source_ids: Iterable[int], published: bool) -> int:
    """Takes effect at once in every process; returns how many sources there were."""
    ids = list(source_ids)
    with transaction.atomic():
        count = MODELS[kind].objects.filter(pk__in=ids).update(published=published)
        generation, _ = raise_generation()
        chunks = Chunk.objects.filter(**{f"{kind}__in": ids})
        if published:
            RemovedChunk.objects.filter(chunk_id__in=chunks.values("pk")).delete()
            chunks.update(generation=generation)
        else:
            bury(chunks.values_list("pk", flat=True), generation)
        return count


def remove(kind: Kind, source_ids: Iterable[int]) -> int:
    """Delete sources with their chunks and files; returns how many sources there were."""
    ids = list(source_ids)
    with transaction.atomic():
        generation, _ = raise_generation()
        chunks = Chunk.objects.filter(**{f"{kind}__in": ids})
        bury(chunks.values_list("pk", flat=True), generation)
        chunks.delete()
        if kind == "document":
            for document in Document.objects.filter(pk__in=ids):
                forget_file(document)
        rows = MODELS[kind].objects.filter(pk__in=ids)
        count = rows.count()
        rows.delete()
        return count


def by_origin(kind: Kind, prefix: str) -> dict[str, Document | Faq]:
    """What a loader brought earlier, by where it took it from."""
    return {row.origin: row for row in MODELS[kind].objects.filter(origin__startswith=prefix)}


def _save(row: Document | Faq, *, changed: bool) -> None:
    """Write what was edited. What a worker writes meanwhile stays, unless the content is another now:
    then that is due with all its attempts, and whoever reads the old content has lost its lease."""
    if changed:
        row.due_at, row.attempts = timezone.now(), 0
    if row.pk is None:
        row.save()
        return
    theirs = _INDEXED if changed else _INDEXED | _PROGRESS
    row.save(update_fields=[name for name in _names(row) if name not in theirs])


def _names(row: Document | Faq) -> list[str]:
    return [field.name for field in row._meta.concrete_fields if not field.primary_key]


def _publication_changed(row: Document | Faq) -> bool:
    return type(row).objects.filter(pk=row.pk).exclude(published=row.published).exists()


def forget_file(document: Document) -> None:
    """Delete the stored file once nothing names it any more."""
    if document.pk is None:
        return
    name = Document.objects.filter(pk=document.pk).values_list("file", flat=True).first()
    if name:
        transaction.on_commit(partial(document.file.storage.delete, name))
