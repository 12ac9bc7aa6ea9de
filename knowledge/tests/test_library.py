"""The index follows the database: every write is told once, in order, and words are read live."""

import threading
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.db import connection
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from knowledge import ingest, library
from knowledge.library import IndexedChunk, NewChunk
from knowledge.models import Chunk, Document, IndexState, RemovedChunk
from knowledge.tests.builders import WordEmbedder, a_document, a_faq

pytestmark = pytest.mark.django_db

EMBEDDER = WordEmbedder()


class Follower:
    """What a search process does with the changes it is told."""

    def __init__(self) -> None:
        self.generation, self.recipe = 0, ""
        self.chunks: dict[int, IndexedChunk] = {}

    def follow(self) -> "Follower":
        changes = library.changes_since(self.generation, self.recipe)
        if changes.complete:
            self.chunks.clear()
        for chunk_id in changes.removed:
            self.chunks.pop(chunk_id, None)
        self.chunks.update((chunk.chunk_id, chunk) for chunk in changes.added)
        self.generation, self.recipe = changes.generation, changes.recipe
        return self

    @property
    def texts(self) -> list[str]:
        return sorted(chunk.text for chunk in self.chunks.values())


def ready(document: Document) -> Document:
    ingest.run(document.pk, EMBEDDER)
    document.refresh_from_db()
    return document


def test_an_empty_library_has_an_empty_index() -> None:
    assert library.state() == (0, "")
    assert library.changes_since(0).added == []


def test_a_chunk_is_told_with_its_source_its_role_and_its_vector() -> None:
    ready(a_document("# Refunds\n\n## How\n\nWrite to us."))
    (chunk,) = library.changes_since(0).added
    assert (chunk.role, chunk.title, chunk.heading, chunk.text) == (
        "passage",
        "Refunds",
        "How",
        "Write to us.",
    )
    assert chunk.source_key == f"d{Document.objects.get().pk}"
    assert chunk.vector.dtype == np.float32
    assert np.allclose(chunk.vector, EMBEDDER.embed(["Refunds > How\nWrite to us."])[0])


def test_an_faq_has_its_answer_and_each_way_to_ask() -> None:
    faq = a_faq("How do I pay?", "By **card**.", phrasings=["payment methods", "How do I pay?"])
    ingest.run_faq(faq.pk, EMBEDDER)
    told = {(chunk.role, chunk.text) for chunk in library.changes_since(0).added}
    assert told == {
        ("passage", "By **card**."),
        ("phrasing", "How do I pay?"),
        ("phrasing", "payment methods"),
    }
    live = library.live_passages(Chunk.objects.values_list("pk", flat=True)).values()
    assert {(passage.kind, passage.title, passage.text) for passage in live} == {
        ("faq", "How do I pay?", "By **card**.")
    }


def test_a_follower_that_reads_every_change_has_what_a_new_one_reads() -> None:
    early = Follower()
    first, second = ready(a_document("one")), ready(a_document("two"))
    early.follow()
    library.save_document(replace_text(first, "one, but longer"))
    ready(first)
    library.set_published("document", [second.pk], False)
    early.follow()
    third = ready(a_document("three"))
    library.set_published("document", [second.pk], True)
    early.follow()
    library.remove("document", [third.pk])
    early.follow()
    assert early.texts == Follower().follow().texts == ["one, but longer", "two"]


def test_a_follower_that_missed_unpublish_and_publish_has_the_chunk_once() -> None:
    document = ready(a_document("one"))
    follower = Follower().follow()
    library.set_published("document", [document.pk], False)
    library.set_published("document", [document.pk], True)
    assert follower.follow().texts == ["one"]


def test_unchanged_chunks_keep_their_ids_and_are_not_told_again() -> None:
    document = ready(a_document("# G\n\n## A\n\nfirst\n\n## B\n\nsecond"))
    before = dict(Chunk.objects.values_list("text", "pk"))
    generation, recipe = library.state()
    ready(replace_text(document, "# G\n\n## New\n\nthird\n\n## A\n\nfirst\n\n## B\n\nsecond", save=True))
    after = dict(Chunk.objects.values_list("text", "pk"))
    assert (after["first"], after["second"]) == (before["first"], before["second"])
    assert [chunk.text for chunk in library.changes_since(generation, recipe).added] == ["third"]
    assert [chunk.text for chunk in library.served_chunks(document)] == ["third", "first", "second"]


def test_a_title_that_staff_change_is_shown_at_once() -> None:
    document = ready(a_document("# Old\n\nText."))
    chunk = Chunk.objects.get()
    Document.objects.filter(pk=document.pk).update(title="New")
    assert library.live_passages([chunk.pk])[chunk.pk].title == "New"


def test_an_answer_that_staff_change_is_shown_at_once() -> None:
    faq = a_faq()
    ingest.run_faq(faq.pk, EMBEDDER)
    faq.answer = "In cash."
    library.save_faq(faq)
    assert {
        passage.text for passage in library.live_passages(Chunk.objects.values_list("pk", flat=True)).values()
    } == {"In cash."}


@pytest.mark.parametrize("way", ["unpublish", "save", "update", "remove", "delete"])
def test_what_is_taken_back_is_never_live_again(way: str) -> None:
    document = ready(a_document("one"))
    (chunk,) = library.changes_since(0).added
    match way:
        case "unpublish":
            library.set_published("document", [document.pk], False)
        case "save":
            document.published = False
            library.save_document(document)
        case "update":
            Document.objects.update(published=False)
        case "remove":
            library.remove("document", [document.pk])
        case "delete":
            document.delete()
    assert library.live_passages([chunk.chunk_id]) == {}
    assert library.changes_since(0).added == []


def test_live_passages_take_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ready(a_document("one"))
    ingest.run_faq(a_faq().pk, EMBEDDER)
    ids = list(Chunk.objects.values_list("pk", flat=True))
    with django_assert_num_queries(1):
        assert len(library.live_passages([*ids, 999_999])) == 3


def test_asking_when_nothing_changed_takes_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ready(a_document("one"))
    generation, recipe = library.state()
    with django_assert_num_queries(1):
        assert library.changes_since(generation, recipe).added == []


def test_a_result_for_content_that_changed_meanwhile_is_thrown_away() -> None:
    document = a_document("old")
    read = Document.objects.get(pk=document.pk)
    library.save_document(replace_text(document, "new"))
    late = NewChunk(0, "passage", "t", "", None, "old", 1, "h", np.zeros(32, "<f4").tobytes())
    assert library.replace_chunks(read, [late], "r") is None
    assert not Chunk.objects.exists()


def test_a_result_for_a_document_that_is_gone_is_thrown_away() -> None:
    document = a_document("old")
    read = Document.objects.get(pk=document.pk)
    library.remove("document", [document.pk])
    assert library.replace_chunks(read, [], "r") is None


def test_another_recipe_waits_beside_until_every_source_has_it() -> None:
    first, second = ready(a_document("one")), ready(a_document("two"))
    follower = Follower().follow()
    other = WordEmbedder("better words")
    ingest.run(first.pk, other)
    assert follower.follow().recipe == ingest.recipe(EMBEDDER)
    assert len(follower.chunks) == 2
    ingest.run(second.pk, other)
    assert follower.follow().recipe == ingest.recipe(other)
    assert follower.texts == ["one", "two"]
    assert set(Chunk.objects.values_list("recipe", flat=True)) == {ingest.recipe(other)}


def test_an_index_older_than_the_forgotten_removals_is_built_anew() -> None:
    ready(a_document("one"))
    generation, recipe = library.state()
    IndexState.objects.update(floor=generation + 1, generation=generation + 1)
    assert library.changes_since(generation, recipe).complete


def test_a_file_goes_when_its_document_goes_or_is_replaced(
    settings: Settings,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.MEDIA_ROOT = tmp_path
    document = Document(name="../../etc/passwd.md", format="md")
    library.save_document(document, file=ContentFile(b"one", "../../etc/passwd.md"))
    storage, first = document.file.storage, document.file.name
    assert first.startswith("documents/") and "passwd" not in first
    with django_capture_on_commit_callbacks(execute=True):
        library.save_document(document, file=ContentFile(b"two", "b.md"))
    assert not storage.exists(first)
    with django_capture_on_commit_callbacks(execute=True):
        library.remove("document", [document.pk])
    assert not storage.exists(document.file.name)


@pytest.mark.django_db(transaction=True)
def test_generations_of_parallel_writers_are_told_completely() -> None:
    documents = [a_document(f"text {number}") for number in range(12)]
    follower = Follower()
    failures: list[BaseException] = []

    def write(part: list[Document]) -> None:
        try:
            for document in part:
                ingest.run(document.pk, WordEmbedder())
        except BaseException as error:  # noqa: BLE001  (reported below)
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(documents[number::3],)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        follower.follow()
    for thread in threads:
        thread.join()
    assert not failures
    assert follower.follow().texts == sorted(f"text {number}" for number in range(12))
    assert RemovedChunk.objects.count() == 0


def replace_text(document: Document, text: str, *, save: bool = False) -> Document:
    document.text = text
    if save:
        library.save_document(document)
    return document


def test_published_again_with_new_chunks_only_those_are_there() -> None:
    document = ready(a_document("old"))
    follower = Follower().follow()
    library.set_published("document", [document.pk], False)
    document.refresh_from_db()
    ready(replace_text(document, "new", save=True))
    assert follower.follow().texts == []
    library.set_published("document", [document.pk], True)
    assert follower.follow().texts == ["new"]
