"""Out of one site and into another: everything comes along, and no zip does harm."""

import io
import json
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from pytest_django import Settings

from knowledge import ingest, library, transfer
from knowledge.library import records
from knowledge.models import Chunk, Document, Faq
from knowledge.tests.builders import WordEmbedder, a_document, a_docx, a_faq

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def embedder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    monkeypatch.setattr(ingest, "_embedder", WordEmbedder)


@pytest.fixture
def a_library() -> None:
    uploaded = Document(name="rules.docx", format="docx", title="Rules", published=False)
    library.save_document(uploaded, file=ContentFile(a_docx("Rules of the house."), "rules.docx"))
    a_document("Same words.")
    a_document("Same words.", review_by=date(2027, 1, 31))
    a_faq(
        "How do I pay?", "By *card*.", phrasings=["Which cards?", "Cash – “ok”?"], tags=["money", "ünïcode"]
    )
    Document.objects.filter(pk=uploaded.pk).update(created_at=datetime(2025, 3, 1, 12, 0, 0, 123456, UTC))
    ingest.reindex()


def everything() -> list[Any]:
    told = []
    for kind in ("document", "faq"):
        for row in records.rows(kind):
            digest = library.stored_hash(row) if isinstance(row, Document) and row.file else ""
            told.append(json.dumps(records.record(row, digest), sort_keys=True))
    texts = list(
        Chunk.objects.order_by("title", "text", "role").values_list("title", "text", "role", "vector")
    )
    return [sorted(told), [(*text, bytes(vector)) for *text, vector in texts]]


def empty() -> None:
    library.remove("document", Document.objects.values_list("pk", flat=True))
    library.remove("faq", Faq.objects.values_list("pk", flat=True))


def verbs(steps: list[transfer.Step]) -> list[str]:
    return [step.verb for step in steps]


@pytest.mark.usefixtures("a_library")
def test_a_round_trip_is_equal_and_a_second_import_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    before = everything()
    call_command("export_knowledge", str(file))
    empty()
    call_command("import_knowledge", str(file), "--json", stdout=io.StringIO())
    assert everything() == before
    assert verbs(transfer.read_in(file)) == ["same"] * 4
    again = tmp_path / "again.zip"
    transfer.export(again)
    for name in ("documents.jsonl", "faqs.jsonl"):
        assert zipfile.ZipFile(again).read(name) == zipfile.ZipFile(file).read(name)


@pytest.mark.usefixtures("a_library")
def test_the_history_of_a_document_comes_along(tmp_path: Path) -> None:
    rules = Document.objects.get(name="rules.docx")
    library.save_document(rules, file=ContentFile(a_docx("Rules of the garden."), "rules.docx"))
    ingest.reindex()
    before = [(v.number, v.content_hash, v.ready_at, v.difference) for v in library.versions(rules)]
    assert len(before) == 2
    assert before[0][3]
    transfer.export(tmp_path / "all.zip")
    empty()
    transfer.read_in(tmp_path / "all.zip")
    ingest.reindex()
    after = library.versions(Document.objects.get(name="rules.docx"))
    assert [(v.number, v.content_hash, v.ready_at, v.difference) for v in after] == before


@pytest.mark.usefixtures("a_library")
def test_a_dry_run_tells_every_change_and_makes_none(tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    transfer.export(file)
    faq = Faq.objects.get()
    faq.answer = "By transfer."
    library.save_faq(faq)
    library.remove("document", [Document.objects.get(name="rules.docx").pk])
    before = everything()
    out = io.StringIO()
    call_command("import_knowledge", str(file), "--dry-run", stdout=out)
    assert everything() == before
    assert "new      document  Rules\n" in out.getvalue()
    assert "changed  faq       How do I pay? (updated_at, answer)\n" in out.getvalue()
    assert "1 new, 1 changed, 2 the same" in out.getvalue()


@pytest.mark.usefixtures("a_library")
def test_what_differs_becomes_as_it_was_and_what_is_unknown_stays(tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    transfer.export(file)
    before = everything()
    rules = Document.objects.get(name="rules.docx")
    library.save_document(rules, file=ContentFile(a_docx("Other rules."), "rules.docx"))
    library.set_published("document", [rules.pk], True)
    ingest.reindex()
    call_command("import_knowledge", str(file), "--json", stdout=io.StringIO())
    assert everything() == before
    a_document("Only here.")
    assert verbs(transfer.read_in(file)) == ["same"] * 4
    assert Document.objects.filter(text="Only here.").exists()


@pytest.mark.usefixtures("a_library")
def test_an_export_without_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    Path(Document.objects.get(name="rules.docx").file.path).unlink()
    with pytest.raises(CommandError, match="“Rules”") as error:
        call_command("export_knowledge", str(tmp_path / "all.zip"))
    assert error.value.returncode == 1
    assert (tmp_path / "all.zip").exists()


def test_an_export_overwrites_nothing_unasked(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_text("mine")
    with pytest.raises(CommandError, match="--force"):
        call_command("export_knowledge", str(tmp_path / "all.zip"))


def rewritten(name: str, content: str | bytes) -> Callable[[dict[str, Any]], None]:
    def change(entries: dict[str, Any]) -> None:
        entries[name] = content

    return change


def edited(part: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    def change(entries: dict[str, Any]) -> None:
        first, *others = entries[part].decode().splitlines()
        lines = [json.dumps({**json.loads(first), **values}), *others]
        entries[part] = "".join(f"{line}\n" for line in lines)

    return change


def without(name: str) -> Callable[[dict[str, Any]], None]:
    def change(entries: dict[str, Any]) -> None:
        del entries[next(entry for entry in entries if entry.startswith(name))]

    return change


def other_file(entries: dict[str, Any]) -> None:
    entries[next(name for name in entries if name.startswith("files/"))] = b"something else"


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a path that climbs": (rewritten("../../etc/cron.d/x", "evil"), "which no export does"),
    "an absolute path": (rewritten("/etc/passwd", "evil"), "which no export does"),
    "a program beside": (rewritten("files/run.sh", "evil"), "which no export does"),
    "no manifest": (without("manifest.json"), "lacks manifest.json"),
    "no records": (without("faqs.jsonl"), "lacks faqs.jsonl"),
    "a newer version": (
        rewritten("manifest.json", '{"format": "joblynk-knowledge", "version": 9}'),
        "newer version",
    ),
    "counts that lie": (
        rewritten(
            "manifest.json", '{"format": "joblynk-knowledge", "version": 1, "documents": 9, "faqs": 1}'
        ),
        "promises 9",
    ),
    "a manifest of 100 MB": (rewritten("manifest.json", b" " * 100_000_000), "larger than"),
    "a record of 100 MB": (rewritten("faqs.jsonl", b'"' + b"a" * 100_000_000), "too long"),
    "JSON 100,000 deep": (rewritten("faqs.jsonl", "[" * 100_000), "no JSON"),
    "no object": (rewritten("faqs.jsonl", "[]\n"), "no JSON object"),
    "unknown fields": (edited("faqs.jsonl", is_superuser=True), "is_superuser"),
    "a list for a text": (edited("faqs.jsonl", question=["a"]), "no plain value"),
    "a text for a list": (edited("faqs.jsonl", tags="money"), "no list of texts"),
    "a NUL": (edited("faqs.jsonl", answer="a\0b"), "NUL"),
    "half a letter": (edited("faqs.jsonl", answer="\ud800"), "surrogates"),
    "a date that is none": (edited("faqs.jsonl", created_at="yesterday"), "invalid format"),
    "a time without zone": (edited("faqs.jsonl", created_at="2026-01-01T00:00:00"), "zone"),
    "a question of 1 MB": (edited("faqs.jsonl", question="a" * 1_000_000), "300"),
    "no question": (edited("faqs.jsonl", question=""), "blank"),
    "no history": (edited("documents.jsonl", versions="none"), "versions"),
    "a history of nonsense": (edited("documents.jsonl", versions=[{"number": 1}]), "version"),
    "an unknown format": (edited("documents.jsonl", format="exe"), "exe"),
    "a file and a text": (edited("documents.jsonl", text="both"), "either a file or a text"),
    "a file that is missing": (without("files/"), "not in the zip"),
    "a file by path": (edited("documents.jsonl", file="../../../etc/passwd"), "not in the zip"),
    "another file": (other_file, "not the one that was exported"),
}


@pytest.mark.usefixtures("a_library")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_zip_is_refused_whole(name: str, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    transfer.export(file)
    with zipfile.ZipFile(file) as archive:
        entries: dict[str, Any] = {entry: archive.read(entry) for entry in archive.namelist()}
    change, words = HOSTILE[name]
    change(entries)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    empty()
    with pytest.raises(transfer.TransferError, match=words):
        transfer.read_in(file)
    assert not Document.objects.exists()
    assert not Faq.objects.exists()


@pytest.mark.parametrize("told", [1_000_000, 1])
def test_a_million_entries_are_refused_before_each_of_them_takes_memory(told: int, tmp_path: Path) -> None:
    entry = struct.pack("<4s6H3L5H2Lc", b"PK\x01\x02", *[0] * 9, 1, *[0] * 6, b"x")
    directory = entry * 1_000_000
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, told, told, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    file = tmp_path / "all.zip"
    file.write_bytes(directory + end64 + locator + end)
    tracemalloc.start()
    try:
        with pytest.raises(transfer.TransferError, match="more than 200,000 entries"):
            transfer.read_in(file)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("a_library")
def test_whatever_was_damaged_is_refused_in_words_or_was_of_no_account(tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    library.save_document(
        Document(name="long.txt", format="txt"),
        file=ContentFile("".join(f"{number**3} words. " for number in range(3_000)).encode(), "long.txt"),
    )
    transfer.export(file)
    whole, chance = file.read_bytes(), random.Random(3)  # noqa: S311
    refused = 0
    for _ in range(60):
        torn = bytearray(whole)
        for _ in range(chance.choice([1, 5, 30])):
            torn[chance.randrange(len(torn))] = chance.randrange(256)
        file.write_bytes(torn)
        try:
            steps = transfer.read_in(file, dry_run=True)
        except transfer.TransferError:
            refused += 1
        else:
            assert set(verbs(steps)) <= {"same"}
    assert refused > 30


def test_a_file_that_is_not_there_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("import_knowledge", str(tmp_path / "none.zip"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense", b"hello"])
def test_what_is_no_zip_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(CommandError, match="is refused"):
        call_command("import_knowledge", str(tmp_path / "x.zip"))
