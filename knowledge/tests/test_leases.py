"""Who reads a source, how often it is tried, and what a worker that dies leaves behind."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from joblynk import stopping
from joblynk.providers.types import Vectors
from joblynk.stopping import Stopped
from knowledge import ingest, library, tasks
from knowledge.models import Chunk, Document, Faq, IndexBuild
from knowledge.tests.builders import WordEmbedder, a_document, a_faq

pytestmark = pytest.mark.django_db


class BrokenEmbedder(WordEmbedder):
    def embed(self, texts: Sequence[str]) -> Vectors:
        raise RuntimeError("out of order")


class InterruptedEmbedder(WordEmbedder):
    def embed(self, texts: Sequence[str]) -> Vectors:
        stopping.ask()
        return super().embed(texts)


@pytest.fixture
def going_on() -> Iterator[None]:
    yield
    stopping.forget()


def let_time_pass(by: timedelta) -> None:
    for model in (Document, Faq):
        for row in model.objects.exclude(due_at=None):
            model.objects.filter(pk=row.pk).update(due_at=row.due_at - by)  # type: ignore[operator]


def test_new_content_is_due_at_once_and_nothing_is_due_when_it_was_read() -> None:
    document, faq = a_document(), a_faq()
    assert library.due(5) == [("document", document.pk), ("faq", faq.pk)]
    for kind, source_id in library.due(5):
        assert ingest.take(kind, source_id, embedder=WordEmbedder()) is None
    assert library.due(5) == []
    document.refresh_from_db()
    assert (document.state, document.due_at, document.attempts) == (Document.State.READY, None, 0)


def test_one_worker_at_a_time_reads_a_source() -> None:
    document = a_document()
    assert library.claim("document", document.pk) is not None
    assert library.claim("document", document.pk) is None
    assert library.due(5) == []


def test_what_failed_is_tried_again_three_times_with_growing_delay_and_then_fails_in_words() -> None:
    document = a_document()
    waits = []
    for _ in library.DELAYS:
        again = ingest.take("document", document.pk, embedder=BrokenEmbedder())
        assert again is not None
        waits.append(again - timezone.now())
        document.refresh_from_db()
        assert document.state == Document.State.PENDING
        assert ingest.take("document", document.pk, embedder=WordEmbedder()) is None  # not due yet
        let_time_pass(again - timezone.now())
    assert waits == sorted(waits)
    assert waits[0] * 3 < waits[1] < waits[2] / 3
    assert ingest.take("document", document.pk, embedder=BrokenEmbedder()) is None
    document.refresh_from_db()
    assert (document.state, document.due_at) == (Document.State.FAILED, None)
    assert "could not be added to the search" in document.error
    assert not Chunk.objects.exists()


def test_an_faq_that_failed_for_good_says_so_and_is_no_longer_waited_for(admin_client: Client) -> None:
    faq = a_faq()
    for _ in library.DELAYS:
        again = ingest.take("faq", faq.pk, embedder=BrokenEmbedder())
        assert again is not None
        let_time_pass(again - timezone.now())
    assert ingest.take("faq", faq.pk, embedder=BrokenEmbedder()) is None
    url = reverse("admin:knowledge_faq_progress") + f"?ids={faq.pk}"
    told = admin_client.get(url).json()["faqs"][str(faq.pk)]
    assert (told["pill"], told["working"]) == ("failed", False)
    assert "“Read again”" in told["reason"]
    library.ask("faq", [faq.pk])
    assert admin_client.get(url).json()["faqs"][str(faq.pk)]["pill"] == "pending"


def test_a_source_whose_worker_died_is_taken_by_the_next_one_when_the_lease_ends() -> None:
    document = a_document()
    assert library.claim("document", document.pk)
    let_time_pass(library.LEASE + timedelta(seconds=1))
    ingest.take("document", document.pk, embedder=WordEmbedder())
    document.refresh_from_db()
    assert document.state == Document.State.READY


def test_a_worker_that_is_asked_to_end_hands_back_what_it_reads_at_once(going_on: None) -> None:
    document, untouched = a_document(), a_document()
    for source in (document, untouched):
        with pytest.raises(Stopped):
            ingest.take("document", source.pk, embedder=InterruptedEmbedder())
    assert not Chunk.objects.exists()
    stopping.forget()
    document.refresh_from_db()
    assert (document.state, document.attempts) == (Document.State.PENDING, 0)
    assert {due.source_id for due in library.due(5)} == {document.pk, untouched.pk}
    ingest.take("document", document.pk, embedder=WordEmbedder())
    document.refresh_from_db()
    assert document.state == Document.State.READY


@pytest.mark.parametrize("scope", ["changed", "all"])
def test_a_build_of_a_worker_that_is_asked_to_end_is_taken_over_at_once(
    scope: ingest.Scope, going_on: None
) -> None:
    documents = [a_document(), a_document("# Another\n\nWith other words.")]
    with pytest.raises(Stopped):
        ingest.reindex(scope, embedder=InterruptedEmbedder())
    stopping.forget()
    assert library.left_undone()
    assert ingest.reindex(embedder=WordEmbedder()).sources == len(documents)
    assert not library.left_undone()
    assert [build.everything for build in IndexBuild.objects.order_by("pk")] == [scope == "all"] * 2


def test_a_source_that_kills_every_worker_fails_in_words() -> None:
    document = a_document()
    for _ in range(len(library.DELAYS) + 1):
        assert library.claim("document", document.pk)
        let_time_pass(library.LEASE + timedelta(seconds=1))
    assert library.claim("document", document.pk) is None
    document.refresh_from_db()
    assert document.state == Document.State.FAILED
    assert "stopped the worker" in document.error


def test_a_worker_that_is_alive_keeps_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    document = a_document()
    lease = library.claim("document", document.pk)
    assert lease is not None
    lease._beaten -= 60
    before = lease.until
    lease.beat()
    document.refresh_from_db()
    assert document.due_at == lease.until > before


def test_content_that_changes_while_the_old_one_is_read_is_due_at_once() -> None:
    document = a_document("Old words.")

    class Editing(WordEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            edited = Document.objects.get(pk=document.pk)
            edited.text = "New words."
            library.save_document(edited)
            return super().embed(texts)

    ingest.take("document", document.pk, embedder=Editing())
    assert not Chunk.objects.exists()
    assert library.due(5) == [("document", document.pk)]
    ingest.take("document", document.pk, embedder=WordEmbedder())
    assert Chunk.objects.get().text == "New words."


def test_publishing_while_a_worker_reads_does_not_take_its_lease() -> None:
    document = a_document()
    lease = library.claim("document", document.pk)
    assert lease is not None
    stale = Document.objects.get(pk=document.pk)
    stale.indexed_hash = stale.fingerprint
    stale.state, stale.due_at, stale.published = Document.State.READY, None, False
    library.save_document(stale)
    document.refresh_from_db()
    assert (document.published, document.state, document.due_at) == (
        False,
        Document.State.READING,
        lease.until,
    )


def test_the_worker_takes_what_is_due_though_nobody_rang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_embedder", WordEmbedder)
    a_document("One.")
    a_faq()
    assert tasks.take_due() is False
    assert library.due(5) == []
    assert Chunk.objects.count() == 3


def test_a_start_of_the_site_takes_up_what_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_embedder", WordEmbedder)
    assert tasks.catch_up("start") is False
    document = a_document()
    library.claim("document", document.pk)
    assert tasks.catch_up("start") is True
    enqueued = DBTaskResult.objects.get()
    enqueued.task.call(*enqueued.task_result.args)
    document.refresh_from_db()
    assert document.state == Document.State.READY
    assert tasks.catch_up("start") is False
    monkeypatch.setattr(ingest, "_embedder", lambda: WordEmbedder("other"))
    assert tasks.catch_up("start") is True
