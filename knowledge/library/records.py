"""Sources as records that another site can take: everything that staff wrote, nothing that is derived."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db.models import Field

from knowledge.library.index import Kind
from knowledge.library.sources import MODELS, forget_file, save_document, save_faq, stored_hash
from knowledge.models import Document, Faq, content_hash

Record = dict[str, Any]
"""Field names with JSON values; `created_by` is a user name, `file` the SHA-256 of the content or ""."""

_DERIVED = {
    *("id", "indexed_hash", "indexed_recipe", "chunk_count", "due_at", "attempts"),
    *("file", "state", "error", "pages", "ready_at", "content_hash", "size", "created_by"),
}
_PAGE = 50


def fields(kind: Kind) -> dict[str, "Field[Any, Any]"]:
    """What staff wrote, by name."""
    return {field.name: field for field in MODELS[kind]._meta.concrete_fields if field.name not in _DERIVED}


def count(kind: Kind) -> int:
    return MODELS[kind].objects.count()


def rows(kind: Kind) -> Iterator[Document | Faq]:
    """Every source, oldest first."""
    if kind == "document":
        yield from Document.objects.select_related("created_by").order_by("pk").iterator(chunk_size=_PAGE)
    else:
        yield from Faq.objects.order_by("pk").iterator(chunk_size=_PAGE)


def record(row: Document | Faq, digest: str = "") -> Record:
    """`digest` is the SHA-256 of the document's file."""
    kind: Kind = "document" if isinstance(row, Document) else "faq"
    told: Record = {name: _plain(getattr(row, name)) for name in fields(kind)}
    if isinstance(row, Document):
        told |= {"file": digest, "created_by": row.created_by.get_username() if row.created_by else ""}
    return told


def counterpart(kind: Kind, values: Record, digest: str, taken: set[int]) -> Document | Faq | None:
    """The row here that a record speaks of, other than those `taken`: created at the same moment, or
    brought from the same place by a loader, or else with the same content. `digest`: SHA-256 of the
    document's content."""
    rows = MODELS[kind].objects.exclude(pk__in=taken).order_by("pk")
    same: Record = {"content_hash": digest} if kind == "document" else {"question": values["question"]}
    for key in ({"created_at": values["created_at"]}, {"origin": values["origin"]}, same):
        if all(key.values()) and (found := rows.filter(**key).first()):
            return found
    return None


def restore(
    kind: Kind, row: Document | Faq, values: Record, content: bytes | None, author: str
) -> Document | Faq:
    """Make `row` what a record says; new content becomes due. `values` are Python values of `fields`;
    `content` is the document's file, None when it has none; `author` is a user name."""
    for name, value in values.items():
        setattr(row, name, value)
    if isinstance(row, Document):
        if author and row.created_by_id is None:
            user = get_user_model()._default_manager.filter(username=author).first()
            row.created_by_id = user.pk if user else None
        known = bool(row.file) and content is not None and stored_hash(row) == content_hash(content)
        if content is None:
            forget_file(row)
            row.file = ""
        save_document(row, file=None if known or content is None else ContentFile(content, "restored"))
    else:
        save_faq(row)
    dates = {name: values[name] for name in ("created_at", "updated_at")}
    MODELS[kind].objects.filter(pk=row.pk).update(**dates)
    return row


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value
