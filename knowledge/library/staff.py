"""What the pages of staff ask besides: twins, what is overdue, what happens now."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import ContentFile, File
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from knowledge.library.index import state
from knowledge.library.sources import remove, save_document
from knowledge.models import Chunk, Document, Faq, FaqImport, IndexState, content_hash

_DAYS_KEPT = 1


class Attention(NamedTuple):
    """What wants a person: documents and FAQs to be read again, documents that could not be read."""

    overdue_documents: int
    overdue_faqs: int
    failed: int
    working: int


def twin(digest: str, *, besides: int | None = None) -> Document | None:
    """A document with this content (SHA-256)."""
    same = Document.objects.filter(content_hash=digest)
    if besides is not None:
        same = same.exclude(pk=besides)
    return same.order_by("pk").first()


def add_document(
    document: Document, *, file: File[bytes] | None = None, by: AbstractBaseUser | None = None
) -> Document | None:
    """Store a new document, unless one with the same content is there already: then that one is returned,
    also when both come at the same moment."""
    with transaction.atomic():
        IndexState.objects.get_or_create(pk=1)
        IndexState.objects.select_for_update().get(pk=1)
        content = document.text.encode() if file is None else file.read()
        if file is not None:
            file.seek(0)
        if known := twin(content_hash(content)):
            return known
        save_document(document, file=file, by=by)
        return None


def namesake(document: Document) -> Document | None:
    """The document that was uploaded before under the same file name; of several one that answers."""
    if not document.name:
        return None
    same = Document.objects.filter(name__iexact=document.name)
    if document.pk is not None:
        same = same.filter(pk__lt=document.pk)
    return same.order_by("-published", "-pk").first()


def replace_document(old: Document, new: Document, by: AbstractBaseUser | None) -> None:
    """Make the file of `new` the next version of `old`, which wants `tasks.enqueue` then and answers until
    that was read; `new` is gone."""
    with transaction.atomic():
        with new.file.open("rb") as file:
            content = ContentFile(file.read(), new.name)
        remove("document", [new.pk])
        old.name, old.format, old.review_by = new.name, new.format, new.review_by or old.review_by
        save_document(old, file=content, by=by)


def attention(today: date | None = None) -> Attention:
    """Two short queries."""
    overdue = Q(review_by__lt=today or timezone.localdate())
    working = Q(state__in=[Document.State.PENDING, Document.State.READING, Document.State.EMBEDDING])
    counts = Document.objects.aggregate(
        overdue_documents=Count("pk", filter=overdue),
        failed=Count("pk", filter=Q(state=Document.State.FAILED)),
        working=Count("pk", filter=working),
    )
    return Attention(overdue_faqs=Faq.objects.filter(overdue).count(), **counts)


def faqs(ids: Iterable[int]) -> list[Faq]:
    """Those of `ids` that exist."""
    return list(Faq.objects.filter(pk__in=list(ids)))


def documents(ids: Iterable[int]) -> list[Document]:
    """Where they stand, without their texts."""
    return list(Document.objects.filter(pk__in=list(ids)).defer("text"))


def passages(row: Document | Faq) -> QuerySet[Chunk]:
    """What of it is found and quoted now, in reading order, without vectors; to be cut into pages."""
    owner = {"document": row} if isinstance(row, Document) else {"faq": row}
    chunks = Chunk.objects.filter(**owner, role=Chunk.Role.PASSAGE, recipe=state().recipe)
    return chunks.defer("vector").order_by("position")


def stored_chunks(document: Document) -> list[Chunk]:
    """Its served chunks with their vectors, published or not."""
    return list(Chunk.objects.filter(document=document, recipe=state().recipe).order_by("position"))


def faqs_by_question() -> dict[str, Faq]:
    """Every FAQ under its question as it is compared: blanks and capitals do not count."""
    return {same_question(faq.question): faq for faq in Faq.objects.all()}


def all_faqs() -> QuerySet[Faq]:
    return Faq.objects.order_by("question", "pk")


def same_question(text: str) -> str:
    return " ".join(text.split()).casefold()


def keep_import(name: str, text: str, by: AbstractBaseUser) -> FaqImport:
    """Hold a CSV file until its owner says yes; what nobody said yes to goes after a day."""
    stale = timezone.now() - timedelta(days=_DAYS_KEPT)
    FaqImport.objects.filter(created_at__lt=stale).delete()
    return FaqImport.objects.create(name=name, text=text, by_id=by.pk)


def kept_import(key: UUID, by: AbstractBaseUser) -> FaqImport | None:
    """Its own owner's only."""
    return FaqImport.objects.filter(pk=key, by_id=by.pk).first()


def drop_import(kept: FaqImport) -> None:
    kept.delete()
