"""The whole knowledge base as one zip: taken from a site, and brought to another or back.

manifest.json says what is there; documents.jsonl and faqs.jsonl hold a record a line; files/ the original
files under their SHA-256. Derived things stay behind: passages and vectors are made anew. A zip is the
sender's word, so it is read entry by entry within limits, checked whole, and nothing is unpacked to disk.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from knowledge import library
from knowledge.formats.archive import holds_more_than
from knowledge.formats.types import MAX_FILE_BYTES, MAX_TEXT_CHARS
from knowledge.library import records
from knowledge.library.records import Record
from knowledge.models import Document, Faq, content_hash

Progress = Callable[[int, int], None]
"""Called with (1, records in all) for each record."""

FORMAT, VERSION = "joblynk-knowledge", 2
_READ = (1, VERSION)  # the first told no versions
MAX_ENTRIES = 200_000
MAX_LINE = 6 * MAX_TEXT_CHARS  # bytes: a letter takes six when JSON escapes it
MAX_TOTAL = 4 * 1024**3  # bytes of all records
_PARTS: dict[library.Kind, str] = {"document": "documents.jsonl", "faq": "faqs.jsonl"}
_FILE = re.compile(r"files/[0-9a-f]{64}\.[a-z]{2,4}")


class TransferError(ValueError):
    """Why a zip is refused, in words for an operator."""


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one record. `differs`: the fields that would be overwritten."""

    kind: library.Kind
    title: str
    verb: str  # "new", "changed", "same"
    differs: tuple[str, ...] = ()


@dataclass(slots=True)
class Exported:
    documents: int = 0
    faqs: int = 0
    files: int = 0
    missing: list[str] = field(default_factory=list)
    """Documents whose file is gone: their record is there, without it."""


def export(path: Path, progress: Progress = lambda done, total: None) -> Exported:
    """Write everything to `path`, which is there only when it is complete."""
    done = Exported()
    total = sum(records.count(kind) for kind in _PARTS)
    partial = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            digests = _pack_files(archive, done)
            counts = {
                kind: _pack_records(archive, kind, digests, lambda: progress(1, total)) for kind in _PARTS
            }
            done.documents, done.faqs = counts["document"], counts["faq"]
            manifest = {"format": FORMAT, "version": VERSION, "documents": done.documents, "faqs": done.faqs}
            archive.writestr("manifest.json", json.dumps(manifest))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return done


def _pack_files(archive: zipfile.ZipFile, done: Exported) -> dict[str, str]:
    """Every file once; returns their SHA-256 by the names they are stored under."""
    digests: dict[str, str] = {}
    names: set[str] = set()
    for row in records.rows("document"):
        if not isinstance(row, Document) or not row.file:
            continue
        try:
            with row.file.open("rb") as file:
                content = file.read()
        except OSError:
            done.missing.append(str(row))
            continue
        digests[row.file.name] = digest = content_hash(content)
        name = f"files/{digest}.{row.format}"
        if name not in names:
            archive.writestr(name, content)
            names.add(name)
    done.files = len(names)
    return digests


def _pack_records(
    archive: zipfile.ZipFile, kind: library.Kind, digests: dict[str, str], told: Callable[[], None]
) -> int:
    number = 0
    with archive.open(_PARTS[kind], "w", force_zip64=True) as lines:
        for row in records.rows(kind):
            number += 1
            digest = digests.get(row.file.name, "") if isinstance(row, Document) and row.file else ""
            line = json.dumps(records.record(row, digest), ensure_ascii=False)
            lines.write(f"{line}\n".encode())
            told()
    return number


def read_in(
    path: Path, *, dry_run: bool = False, progress: Progress = lambda done, total: None
) -> list[Step]:
    """Check the whole zip, then bring every record in, all or none. Raises `TransferError`.

    A record replaces the row that it speaks of (`records.counterpart`); rows that the zip does not know
    stay. What is new or changed becomes due: a worker, or `ingest.reindex`, reads it.
    """
    try:
        if holds_more_than(path, MAX_ENTRIES):
            raise TransferError(f"The zip holds more than {MAX_ENTRIES:,} entries.")
        with zipfile.ZipFile(path) as archive:
            counts = _checked(archive)
            total = sum(counts.values())
            for kind, told in _records(archive, counts):  # the whole zip, before anything is written
                _values(kind, told)
                _content(archive, kind, told)
            steps: list[Step] = []
            taken: dict[library.Kind, set[int]] = {"document": set(), "faq": set()}
            with transaction.atomic():
                for kind, told in _records(archive, counts):
                    steps.append(_bring(archive, kind, told, taken[kind], dry_run=dry_run))
                    progress(1, total)
            return steps
    except OSError as error:
        raise TransferError(f"It cannot be read, or not be kept here: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, UnicodeDecodeError) as error:
        raise TransferError(f"This is no sound zip file: {error}") from error


def _checked(archive: zipfile.ZipFile) -> dict[library.Kind, int]:
    """How many records there are to be, from a manifest of a zip that holds nothing else than it should."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise TransferError("The zip holds two entries of one name.")
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise TransferError("The zip is protected by a password.")
        if entry.filename not in ("manifest.json", *_PARTS.values()) and not _FILE.fullmatch(entry.filename):
            raise TransferError(f"The zip holds {entry.filename[:80]!r}, which no export does.")
    if missing := {"manifest.json", *_PARTS.values()} - set(names):
        raise TransferError(f"The zip lacks {', '.join(sorted(missing))}: it is no export.")
    manifest = _json(_limited(archive, "manifest.json", 10_000))
    if manifest.get("format") != FORMAT or manifest.get("version") not in _READ:
        raise TransferError("The zip was not written by export_knowledge, or by a newer version of it.")
    documents, faqs = manifest.get("documents"), manifest.get("faqs")
    if type(documents) is not int or type(faqs) is not int:
        raise TransferError("The manifest does not say how many records there are.")
    return {"document": documents, "faq": faqs}


def _records(
    archive: zipfile.ZipFile, counts: dict[library.Kind, int]
) -> Iterator[tuple[library.Kind, Record]]:
    """Records of the right shape, as many as the manifest says."""
    total = 0
    for kind, name in _PARTS.items():
        extra = ("file", "created_by", "versions") if kind == "document" else ()
        wanted = {*records.fields(kind), *extra}
        number = 0
        with archive.open(name) as lines:
            while line := lines.readline(MAX_LINE + 1):
                number += 1
                total += len(line)
                if len(line) > MAX_LINE or total > MAX_TOTAL:
                    raise TransferError(f"{name}, line {number}: too long.")
                told = _json(line)
                if kind == "document":
                    told.setdefault("versions", [])
                if set(told) != wanted:
                    odd = ", ".join(sorted(set(told) ^ wanted))[:200]
                    raise TransferError(f"{name}, line {number}: these fields are missing or unknown: {odd}.")
                yield kind, told
        if number != counts[kind]:
            raise TransferError(f"{name} holds {number} records; the manifest promises {counts[kind]}.")


def _bring(
    archive: zipfile.ZipFile, kind: library.Kind, told: Record, taken: set[int], *, dry_run: bool
) -> Step:
    """`taken`: rows that other records of the zip speak of; this one's is added."""
    values = _values(kind, told)
    content = _content(archive, kind, told)
    body = str(told.get("text", "")).encode() if content is None else content
    row = records.counterpart(kind, values, content_hash(body), taken)
    differs = tuple(_differing(row, told)) if row is not None else ()
    verb = "new" if row is None else "changed" if differs else "same"
    if verb != "same" and not dry_run:
        row = row or (Document() if kind == "document" else Faq())
        versions = records.history(told.get("versions", []))
        row = records.restore(kind, row, values, content, str(told.get("created_by", "")), versions)
    if row is not None:
        taken.add(row.pk)
    return Step(kind, _title(told), verb, differs)


def _title(told: Record) -> str:
    return str(told.get("question") or told.get("title") or told.get("name") or "untitled")[:100]


def _differing(row: Document | Faq, told: Record) -> Iterator[str]:
    digest = library.stored_hash(row) if isinstance(row, Document) and row.file else ""
    here = records.record(row, digest)
    if told.get("created_by") and not here.get("created_by"):
        here["created_by"] = told["created_by"]  # no such account here
    yield from (name for name, value in told.items() if name != "versions" and here[name] != value)
    if told.get("versions") and _texts(here["versions"]) != _texts(told["versions"]):
        yield "versions"


def _texts(versions: list[Record]) -> list[tuple[Any, Any]]:
    """What was there when. Who brought it may have no account here, and when it was read may come later."""
    return [(version["number"], version["content_hash"]) for version in versions]


def _values(kind: library.Kind, told: Record) -> Record:
    """Python values, each valid for its field."""
    values: Record = {}
    title = _title(told)
    try:
        for name, field in records.fields(kind).items():
            value = told[name]
            if name in ("phrasings", "tags"):
                if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                    raise ValidationError(f"{name} is no list of texts")
            elif isinstance(value, list | dict):
                raise ValidationError(f"{name} is no plain value")
            _check_text(value)
            values[name] = field.clean(value, None)
        records.history(told.get("versions", []))
        if any(isinstance(value, datetime) and value.tzinfo is None for value in values.values()):
            raise ValidationError("a time without its zone")
    except (ValidationError, TypeError, ValueError, KeyError, OverflowError) as error:
        words = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        raise TransferError(f"{kind} “{title}”: {words}.") from error
    if kind == "document" and told["file"] and told["text"]:
        raise TransferError(f"document “{title}”: it is either a file or a text.")
    if kind == "document" and len(values["text"]) > MAX_TEXT_CHARS:
        raise TransferError(f"document “{title}”: its text is too long.")
    return values


def _check_text(value: Any) -> None:
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str):
            text.encode()  # lone surrogates, which no database takes
            if "\0" in text:
                raise ValueError("a NUL character")


def _content(archive: zipfile.ZipFile, kind: library.Kind, told: Record) -> bytes | None:
    """The document's file; None when it has none."""
    digest = told.get("file")
    if kind == "faq" or digest == "":
        return None
    name = f"files/{digest}.{told['format']}"
    if not _FILE.fullmatch(name) or name not in archive.NameToInfo:
        raise TransferError(f"document “{_title(told)}”: its file is not in the zip.")
    content = _limited(archive, name, MAX_FILE_BYTES)
    if content_hash(content) != digest:
        raise TransferError(f"document “{_title(told)}”: its file is not the one that was exported.")
    return content


def _limited(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    with archive.open(name) as entry:
        content = entry.read(limit + 1)
    if len(content) > limit:
        raise TransferError(f"{name} is larger than {limit:,} bytes.")
    return content


def _json(line: bytes) -> Record:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TransferError(f"A record is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise TransferError("A record is no JSON object.")
    return told
