"""Sources as records that another site can take: everything that staff wrote, nothing that is derived."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db.models import Field

from knowledge.library.index import Kind
from knowledge.library.sources import MODELS, forget_file, save_document, save_faq, stored_hash
from knowledge.models import Document, DocumentVersion, Faq, content_hash

Record = dict[str, Any]
"""Field names with JSON values; `created_by` is a user name, `file` the SHA-256 of the content or "",
`versions` the history of a document, oldest first, each with its `by` as a user name."""

_DERIVED = {
    *("id", "indexed_hash", "indexed_recipe", "chunk_count", "due_at", "attempts"),
    *("file", "state", "error", "pages", "ready_at", "content_hash", "size", "created_by"),
}
_VERSION = (
    *("number", "created_at", "name", "size", "content_hash", "ready_at", "pages", "chunks"),
    *("added", "removed", "difference"),
)
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
        told |= {"file": digest, "created_by": _name(row.created_by), "versions": _history(row)}
    return told


def history(told: Any) -> list[DocumentVersion]:
    """The versions of a record, not stored, each without its document; `by` is found by name. Raises
    ValidationError, TypeError, ValueError or KeyError."""
    if not isinstance(told, list):
        raise ValidationError("versions is no list")
    found = []
    for one in told:
        if set(one) != {*_VERSION, "by"}:
            raise ValidationError("a version has other fields")
        found.append(_version(one))
    if len({version.number for version in found}) < len(found):
        raise ValidationError("two versions have one number")
    return found


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
    kind: Kind,
    row: Document | Faq,
    values: Record,
    content: bytes | None,
    author: str,
    versions: Sequence[DocumentVersion] = (),
) -> Document | Faq:
    """Make `row` what a record says; new content becomes due. `values` are Python values of `fields`;
    `content` is the document's file, None when it has none; `author` is a user name; `versions` take the
    place of the history that is here, unless there are none."""
    for name, value in values.items():
        setattr(row, name, value)
    if isinstance(row, Document):
        if author and row.created_by_id is None:
            user = _account(author)
            row.created_by_id = user.pk if user else None
        known = bool(row.file) and content is not None and stored_hash(row) == content_hash(content)
        if content is None:
            forget_file(row)
            row.file = ""
        save_document(row, file=None if known or content is None else ContentFile(content, "restored"))
        if versions:
            _write_history(row, versions)
    else:
        save_faq(row)
    dates = {name: values[name] for name in ("created_at", "updated_at")}
    MODELS[kind].objects.filter(pk=row.pk).update(**dates)
    return row


def _history(document: Document) -> list[Record]:
    return [
        {name: _plain(getattr(version, name)) for name in _VERSION} | {"by": _name(version.by)}
        for version in document.versions.select_related("by").order_by("number")
    ]


def _write_history(document: Document, versions: Sequence[DocumentVersion]) -> None:
    document.versions.all().delete()
    dates = {version.number: version.created_at for version in versions}
    for version in versions:
        version.document = document
    DocumentVersion.objects.bulk_create(versions)
    for version in document.versions.all():  # creating them dated them now
        document.versions.filter(pk=version.pk).update(created_at=dates[version.number])


def _version(told: Record) -> DocumentVersion:
    lines = told["difference"]
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise ValidationError("a version's changes are no list of texts")
    kinds = {field.name: field for field in DocumentVersion._meta.concrete_fields}
    values = {name: kinds[name].to_python(told[name]) for name in _VERSION if name != "difference"}
    author = _account(told["by"])
    version = DocumentVersion(by_id=author.pk if author else None, difference=lines, **values)
    unset = {name for name in ("ready_at", "pages") if values[name] is None}
    version.clean_fields(exclude={"document", "by", "difference", *unset})
    if any(isinstance(value, datetime) and value.tzinfo is None for value in values.values()):
        raise ValidationError("a time without its zone")
    return version


def _name(user: AbstractBaseUser | None) -> str:
    return user.get_username() if user else ""


def _account(name: str) -> AbstractBaseUser | None:
    return get_user_model()._default_manager.filter(username=name).first() if name else None


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value
