"""FAQs as a table that any spreadsheet opens, and back: exactly, and nothing refused silently.

The question names the FAQ; blanks and capitals do not count. A column that is missing changes nothing.
A cell that a spreadsheet would take for a formula gets an apostrophe in front, which reading takes away.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from django.core.exceptions import ValidationError
from django.db import transaction

from joblynk.spreadsheets import unwrapped, wrapped
from knowledge import library
from knowledge.formats import encodings
from knowledge.formats.types import ExtractError
from knowledge.models import Faq, FaqImport

COLUMNS = ("question", "phrasings", "answer", "tags", "published")
MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 5_000
_LONGEST = 131_072  # characters of a cell
_YES, _NO = {"yes", "true", "1", "y", "on", "published"}, {"no", "false", "0", "n", "off", ""}

Outcome = Literal["new", "changed", "unchanged", "refused"]


class CsvError(Exception):
    """The whole file cannot be taken; the words are for staff."""


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    """Columns that mean nothing here."""
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    """With the line of the file on which each begins."""


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    outcome: Outcome
    question: str
    faq: Faq | None = None
    """As it would be stored; None when refused or unchanged."""
    changes: tuple[Change, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    rows: tuple[Row, ...]
    ignored: tuple[str, ...]
    digest: str
    """Of everything that is shown: a yes counts only for what was seen."""

    @property
    def counts(self) -> Counter[str]:
        return Counter(row.outcome for row in self.rows)


# --- Out -----------------------------------------------------------------------------------------
def written(faqs: Iterable[Faq]) -> bytes:
    """UTF-8 with a byte order mark, because spreadsheets guess otherwise."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for faq in faqs:
        writer.writerow([wrapped(value) for value in _cells(faq).values()])
    return out.getvalue().encode("utf-8-sig")


def _cells(faq: Faq) -> dict[str, str]:
    return {
        "question": faq.question,
        "phrasings": "\n".join(faq.phrasings),
        "answer": faq.answer,
        "tags": ", ".join(faq.tags),
        "published": "yes" if faq.published else "no",
    }


# --- In ------------------------------------------------------------------------------------------
def decoded(content: bytes) -> str:
    """The text of a file. Raises CsvError."""
    if len(content) > MAX_BYTES:
        raise CsvError("The file is larger than 5 MB. Split it.")
    try:
        return encodings.decoded(content)
    except ExtractError:
        raise CsvError("This is not a text file. Save it as “CSV UTF-8” and upload that.") from None


def read(text: str) -> Table:
    """Header and rows. Raises CsvError with what to do."""
    header_line = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().casefold() for name in next(reader, [])]
        rows, line = [], reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, cells))
            line = reader.line_num + 1
            if len(rows) > MAX_ROWS:
                raise CsvError(f"The file has more than {MAX_ROWS:,} rows. Split it.")
    except csv.Error as error:
        raise CsvError(f"Line {reader.line_num} is not sound CSV ({error}). Save the table anew.") from None
    if missing := [name for name in ("question", "answer") if name not in header]:
        raise CsvError(
            f"The first line has to name the columns; “{'” and “'.join(missing)}” cannot be found in it."
        )
    if len(set(header)) < len(header):
        raise CsvError("Two columns have the same name.")
    if not rows:
        raise CsvError("There is no row below the names of the columns.")
    return Table(
        tuple(name for name in COLUMNS if name in header),
        tuple(name for name in header if name and name not in COLUMNS),
        tuple((line, _named(header, cells)) for line, cells in rows),
    )


def _named(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """`""` stands for the cells too many: a name no column can have."""
    named = {name: unwrapped(cell) for name, cell in zip(header, cells, strict=False)}
    return named | {"": "".join(cells[len(header) :]).strip()}


# --- The dry run ---------------------------------------------------------------------------------
def plan(table: Table, *, may_publish: bool) -> Plan:
    """What the import would do, row by row. Writes nothing."""
    known = library.faqs_by_question()
    seen: dict[str, int] = {}
    rows = []
    for line, cells in table.rows:
        row = _judged(line, cells, table.columns, known, seen, may_publish=may_publish)
        rows.append(row)
    digest = blake2b(digest_size=16)
    for row in rows:
        digest.update(repr((row.line, row.outcome, row.question, row.changes, row.reason)).encode())
    return Plan(tuple(rows), table.ignored, digest.hexdigest())


def _judged(
    line: int,
    cells: Mapping[str, str],
    columns: Sequence[str],
    known: Mapping[str, Faq],
    seen: dict[str, int],
    *,
    may_publish: bool,
) -> Row:
    question = " ".join(cells.get("question", "").split())
    key = library.same_question(question)
    try:
        if cells[""]:
            raise ValueError("It has more cells than there are columns.")
        if key in seen:
            raise ValueError(f"The same question stands in line {seen[key]}.")
        seen[key] = line
        stored = known.get(key)
        faq = _applied(stored, question, cells, columns, may_publish=may_publish)
        changes = _changes(stored, faq)
        if stored is not None and not changes:
            return Row(line, "unchanged", question)
        if not may_publish and stored is not None and stored.published:
            raise ValueError("It is published: only a publisher may change it.")
        _check(faq)
    except ValueError as error:
        return Row(line, "refused", question[:300] or "(no question)", reason=str(error))
    return Row(line, "changed" if stored else "new", question, faq, changes)


def _applied(
    stored: Faq | None, question: str, cells: Mapping[str, str], columns: Sequence[str], *, may_publish: bool
) -> Faq:
    """A FAQ as the row wants it; `stored` itself stays as it is. Raises ValueError."""
    faq = (
        Faq(**{field.attname: getattr(stored, field.attname) for field in Faq._meta.concrete_fields})
        if stored
        else Faq()
    )
    faq._state.adding = stored is None
    faq.question, faq.answer = question, _unix(cells.get("answer", "")).strip()
    if "phrasings" in columns:
        lines = (" ".join(line.split()) for line in _unix(cells.get("phrasings", "")).split("\n"))
        faq.phrasings = list(dict.fromkeys(line for line in lines if line))
    if "tags" in columns:
        tags = (" ".join(tag.split()) for tag in cells.get("tags", "").split(","))
        faq.tags = list(dict.fromkeys(tag for tag in tags if tag))
    if stored is None:
        faq.published = may_publish
    if "published" in columns:
        published = _truth(cells.get("published", ""))
        if published and not may_publish and not (stored and stored.published):
            raise ValueError("Only a publisher may publish: write “no” in its column “published”.")
        faq.published = published
    return faq


def _changes(stored: Faq | None, faq: Faq) -> tuple[Change, ...]:
    after = _cells(faq)
    before = _cells(stored) if stored else dict.fromkeys(after, "")
    return tuple(
        Change(name, before[name], after[name])
        for name in COLUMNS
        if _unix(before[name]) != after[name]
        and (stored is None or name != "answer" or before[name].strip() != after[name])
    )


def _check(faq: Faq) -> None:
    try:
        faq.clean_fields(exclude=["indexed_hash", "indexed_recipe", "origin"])
    except ValidationError as error:
        words = [f"{name}: {' '.join(told)}" for name, told in error.message_dict.items()]
        raise ValueError(" ".join(words)) from None
    for name, text in (("phrasings", "\n".join(faq.phrasings)), ("answer", faq.answer)):
        if len(text) > _LONGEST // 2:
            raise ValueError(f"{name}: longer than {_LONGEST // 2:,} characters.")
    if any("\0" in text for text in (faq.question, faq.answer, *faq.phrasings, *faq.tags)):
        raise ValueError("It holds null characters.")


def _truth(cell: str) -> bool:
    word = cell.strip().casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(f"“{cell.strip()[:40]}” in the column “published” is neither yes nor no.")


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- The import ----------------------------------------------------------------------------------
def apply(kept: FaqImport, agreed: Plan) -> list[Faq]:
    """Write what is new and changed, all or nothing; returns it."""
    with transaction.atomic():
        faqs = [row.faq for row in agreed.rows if row.faq is not None]
        for faq in faqs:
            library.save_faq(faq)
        library.drop_import(kept)
    return faqs
