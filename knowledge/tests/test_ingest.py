"""What is embedded, what is kept, and what staff are told when it does not work."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from joblynk.providers.types import Vectors
from knowledge import ingest, library, tasks
from knowledge.formats.types import WORDS
from knowledge.models import Chunk, Document, Faq, IndexBuild
from knowledge.tests.builders import WordEmbedder, a_document, a_docx, a_faq, sections_text

pytestmark = pytest.mark.django_db


class BrokenEmbedder(WordEmbedder):
    def embed(self, texts: Sequence[str]) -> Vectors:
        raise RuntimeError("out of order")


@pytest.fixture(autouse=True)
def uploads(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    return tmp_path / "uploads"


def a_file(content: bytes, name: str) -> Document:
    document = Document(name=name, format=name.rsplit(".", 1)[-1])
    library.save_document(document, file=ContentFile(content, name))
    return document


def edit(document: Document, text: str) -> None:
    document.text = text
    library.save_document(document)


def test_a_document_becomes_ready_with_the_title_it_brings() -> None:
    document = a_document("# Refunds\n\nWithin 14 days.")
    ingest.run(document.pk, WordEmbedder())
    document.refresh_from_db()
    assert (document.state, document.title, document.chunk_count) == (Document.State.READY, "Refunds", 1)
    assert document.ready_at is not None


def test_a_document_without_a_title_is_called_by_its_file_name() -> None:
    document = a_file(b"Just text.", "opening hours.txt")
    ingest.run(document.pk, WordEmbedder())
    document.refresh_from_db()
    assert document.title == "opening hours"


def test_a_word_file_is_read_from_the_uploads() -> None:
    document = a_file(a_docx("Hello there."), "hello.docx")
    ingest.run(document.pk, WordEmbedder())
    assert Chunk.objects.get().text == "Hello there."


def test_only_the_section_that_changed_is_embedded() -> None:
    document = a_document(f"# G\n\n{sections_text(20)}")
    ingest.run(document.pk, WordEmbedder())
    embedder = WordEmbedder()
    edit(document, document.text.replace("word7x3", "changed"))
    ingest.run(document.pk, embedder)
    assert len(embedder.asked) == 1
    assert "changed" in embedder.asked[0]


def test_a_text_that_another_document_holds_is_not_embedded_again() -> None:
    ingest.run(a_document("# G\n\nSame words.").pk, WordEmbedder())
    embedder = WordEmbedder()
    ingest.run(a_document("# G\n\nSame words.").pk, embedder)
    assert embedder.asked == []
    assert Chunk.objects.count() == 2


def test_a_file_that_cannot_be_read_fails_in_words() -> None:
    document = a_file(b"%PDF-1.4 nonsense", "scan.pdf")
    report = ingest.run(document.pk, WordEmbedder())
    document.refresh_from_db()
    assert report.failed == 1
    assert (document.state, document.error) == (Document.State.FAILED, WORDS["damaged"])


def test_a_failed_update_leaves_the_old_text_serving() -> None:
    document = a_document("Old words.")
    ingest.run(document.pk, WordEmbedder())
    edit(document, "<!-- nothing left -->")
    ingest.run(document.pk, WordEmbedder())
    document.refresh_from_db()
    assert (document.state, document.error) == (Document.State.FAILED, WORDS["empty"])
    assert [passage.text for passage in library.live_passages([Chunk.objects.get().pk]).values()] == [
        "Old words."
    ]


def test_an_encoder_that_fails_leaves_the_old_text_serving_and_is_tried_again() -> None:
    document = a_document("Old words.")
    ingest.run(document.pk, WordEmbedder())
    edit(document, "New words.")
    with pytest.raises(RuntimeError):
        ingest.reindex(embedder=BrokenEmbedder())
    document.refresh_from_db()
    assert document.state == Document.State.FAILED
    assert Chunk.objects.get().text == "Old words."
    assert IndexBuild.objects.first().error == "RuntimeError"  # type: ignore[union-attr]
    assert ingest.reindex(embedder=WordEmbedder()).embedded == 1
    assert Chunk.objects.get().text == "New words."


def test_one_poisoned_document_does_not_hold_up_the_others() -> None:
    a_file(b"PK\x03\x04 nonsense", "poison.docx")
    a_document("# Good\n\nText.")
    report = ingest.reindex(embedder=WordEmbedder())
    assert (report.sources, report.failed, report.embedded) == (2, 1, 1)
    assert ingest.drift(WordEmbedder()) == []


def test_an_unchanged_library_is_not_embedded_again() -> None:
    a_document("# G\n\nText.")
    a_faq()
    ingest.reindex(embedder=WordEmbedder())
    generation = library.state()
    embedder = WordEmbedder()
    report = ingest.reindex(embedder=embedder)
    assert (report.sources, report.embedded, report.kept) == (0, 0, 3)
    assert embedder.asked == []
    assert library.state() == generation


def test_everything_means_everything_and_keeps_what_came_out_the_same() -> None:
    a_document("# G\n\nText.")
    a_faq()
    ingest.reindex(embedder=WordEmbedder())
    embedder = WordEmbedder()
    report = ingest.reindex("all", embedder=embedder)
    assert (report.embedded, report.kept, report.removed) == (3, 3, 0)
    assert len(embedder.asked) == 3


@pytest.mark.parametrize("harm", ["new", "edited", "chunk lost", "file edited", "file lost", "other recipe"])
def test_drift_is_seen_and_mended(harm: str) -> None:
    document = a_file(b"# G\n\nText.", "g.md")
    ingest.reindex(embedder=WordEmbedder())
    embedder = WordEmbedder("other" if harm == "other recipe" else "words")
    match harm:
        case "new":
            a_faq()
        case "edited":
            Document.objects.update(title="Another")
        case "chunk lost":
            Chunk.objects.all().delete()
        case "file edited":
            Path(document.file.path).write_text("# G\n\nOther text.")
        case "file lost":
            Path(document.file.path).unlink()
    assert len(ingest.drift(embedder)) == 1
    ingest.reindex(embedder=embedder)
    assert ingest.drift(embedder) == []
    assert Chunk.objects.exists()


def test_progress_counts_sources_up_to_the_last() -> None:
    for number in range(5):
        a_document(f"# G\n\nText {number}.")
    seen: list[tuple[int, int]] = []
    ingest.reindex(embedder=WordEmbedder(), progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 5)
    assert seen[-1] == (5, 5)
    assert seen == sorted(seen)


def test_a_document_that_cannot_be_read_any_more_comes_along_to_another_recipe() -> None:
    document = a_file(b"# G\n\nText.", "g.md")
    ingest.reindex(embedder=WordEmbedder())
    Path(document.file.path).unlink()
    other = WordEmbedder("other")
    ingest.reindex(embedder=other)
    assert library.state().recipe == ingest.recipe(other)
    assert Chunk.objects.get().text == "Text."
    document.refresh_from_db()
    assert (document.state, document.error) == (Document.State.FAILED, WORDS["missing"])


def test_a_killed_build_blocks_nobody() -> None:
    killed, _ = library.begin_build("killed")
    IndexBuild.objects.update(alive_at=timezone.now() - timedelta(minutes=5))
    a_document("# G\n\nText.")
    assert ingest.reindex(embedder=WordEmbedder()).embedded == 1
    killed.refresh_from_db()
    assert (killed.finished_at is not None, killed.error) == (True, "It was interrupted.")


def test_a_host_whose_clock_is_wrong_takes_no_build_for_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "postgresql":
        return  # SQLite is used by one host
    running, _ = library.begin_build("here")
    there = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: there)
    assert library.begin_build("there") == (running, False)


def test_a_build_of_everything_that_was_killed_is_taken_over_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_document("# G\n\nText.")
    ingest.reindex(embedder=WordEmbedder())
    library.begin_build("everything", everything=True)
    assert not library.left_undone()
    IndexBuild.objects.filter(finished_at=None).update(alive_at=timezone.now() - timedelta(minutes=5))
    library.begin_chosen("picked", 1)
    assert library.left_undone()
    embedder = WordEmbedder()
    monkeypatch.setattr(ingest, "_embedder", lambda: embedder)
    tasks.take_due()
    taken_over = IndexBuild.objects.filter(chosen=False).first()
    assert taken_over is not None
    assert (taken_over.everything, taken_over.embedded, taken_over.finished_at is None) == (True, 1, False)
    assert not library.left_undone()
    assert ingest.reindex(embedder=embedder).embedded == 0


@pytest.mark.django_db(transaction=True)
def test_a_second_build_joins_the_first() -> None:
    a_document("# G\n\nText.")
    started, go_on = threading.Event(), threading.Event()

    class SlowEmbedder(WordEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            started.set()
            go_on.wait(20)
            return super().embed(texts)

    reports: list[ingest.Report] = []

    def first() -> None:
        reports.append(ingest.reindex(embedder=SlowEmbedder()))
        connection.close()

    def second() -> None:
        reports.append(ingest.reindex(embedder=WordEmbedder()))
        connection.close()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert started.wait(20)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert sorted(report.embedded for report in reports) in ([0, 1], [1, 1])
    assert Chunk.objects.count() == 1


@pytest.mark.parametrize("row", ["document", "faq"])
def test_work_is_enqueued_after_the_commit_and_done_by_the_worker(
    row: str, settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
    source: Document | Faq = a_document("# G\n\nText.") if row == "document" else a_faq()
    with django_capture_on_commit_callbacks() as waiting:
        tasks.enqueue(source)
    assert len(waiting) == 1


def test_reading_what_is_gone_does_nothing() -> None:
    assert ingest.run(999, WordEmbedder()) == ingest.Report()
    assert ingest.run_faq(999, WordEmbedder()) == ingest.Report()
