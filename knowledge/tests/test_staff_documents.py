"""Staff bring documents, watch them, bring new versions, and see them as the search does."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from knowledge import ingest, library, search, tasks
from knowledge.library.versions import difference
from knowledge.models import Document, Faq, IndexBuild
from knowledge.tests.builders import WordEmbedder, a_document, a_docx, a_faq, a_pdf, sections_text

pytestmark = pytest.mark.django_db

EMBEDDER = WordEmbedder()


@pytest.fixture(autouse=True)
def site(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.PROVIDERS = settings.PROVIDERS | {
        "embedder": {"BACKEND": "knowledge.tests.builders.WordEmbedder", "OPTIONS": {}}
    }
    search.forget()


def page(client: Client, name: str, *arguments: object, query: str = "") -> str:
    response = client.get(reverse(f"admin:knowledge_{name}", args=arguments) + query)
    assert response.status_code == 200
    return response.content.decode()


def send(client: Client, *files: tuple[str, bytes], **data: object) -> Any:
    uploads = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post(
        reverse("admin:knowledge_document_add"), {"upload": uploads, "published": "on", **data}
    )


def replace(client: Client, document: Document, name: str, content: bytes) -> Any:
    data = {"title": document.title, "published": "on", "upload": SimpleUploadedFile(name, content)}
    return client.post(reverse("admin:knowledge_document_change", args=[document.pk]), data)


def read(document: Document) -> Document:
    ingest.run(document.pk, EMBEDDER)
    document.refresh_from_db()
    return document


# --- Bringing them ---------------------------------------------------------------------------------
def test_many_files_are_taken_at_once_and_each_is_read(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = send(
            admin_client, ("a.md", b"# A\n\nOne."), ("b.txt", b"Two."), ("c.docx", a_docx("Three."))
        )
    assert response.status_code == 302
    assert {row.name: row.format for row in Document.objects.all()} == {
        "a.md": "md",
        "b.txt": "txt",
        "c.docx": "docx",
    }
    assert {row.created_by.username for row in Document.objects.all() if row.created_by} == {"admin"}
    assert DBTaskResult.objects.count() == 3


def test_what_cannot_be_taken_is_told_file_by_file_and_the_rest_is_taken(admin_client: Client) -> None:
    a_document("# Here\n\nAlready.", title="The one that is here", published=False)
    text = send(
        admin_client,
        ("good.md", b"# Good\n\nText."),
        ("again.md", b"# Here\n\nAlready."),
        ("twice.md", b"# Good\n\nText."),
        ("tool.exe", b"MZ"),
        ("letter.doc", b"\xd0\xcf\x11\xe0"),
        ("locked.xlsx", b"\xd0\xcf\x11\xe0"),
        ("empty.txt", b""),
    ).content.decode()
    assert Document.objects.count() == 2
    assert "The one that is here</a>, which is not published" in text
    assert text.count("Already here") == 2
    assert "Save it as .docx" in text
    assert "protected by a password" in text
    assert "The file is empty" in text
    assert "This kind of file cannot be read" in text


def test_several_files_cannot_share_a_title(admin_client: Client) -> None:
    text = send(admin_client, ("a.md", b"A."), ("b.md", b"B."), title="Both").content.decode()
    assert "cannot have one title" in text
    assert not Document.objects.exists()


def test_a_pasted_text_that_is_here_already_is_named(admin_client: Client) -> None:
    known = a_document("Within 14 days.", title="Refunds")
    text = admin_client.post(
        reverse("admin:knowledge_document_add"), {"text": "Within 14 days.", "format": "md"}
    ).content.decode()
    assert reverse("admin:knowledge_document_change", args=[known.pk]) in text
    assert Document.objects.count() == 1


def test_what_is_typed_beyond_the_edges_is_kept_as_it_is(admin_client: Client) -> None:
    """Two texts with other blanks are two contents: sameness is told byte for byte."""
    a_document("Within 14 days.")
    assert library.add_document(Document(text="Within 14 days. ")) is None


# --- Versions --------------------------------------------------------------------------------------
def test_a_new_version_leaves_the_old_text_serving_until_it_is_read(admin_client: Client) -> None:
    send(admin_client, ("rules.md", b"# Rules\n\n## Dogs\n\nDogs may come.\n\n## Cats\n\nCats stay home."))
    document = read(Document.objects.get())
    old_file = document.file.path
    new = b"# Rules\n\n## Dogs\n\nDogs stay home too.\n\n## Cats\n\nCats stay home."
    assert replace(admin_client, document, "rules-2.md", new).status_code == 302
    document.refresh_from_db()
    assert document.state == Document.State.PENDING
    assert {chunk.text for chunk in library.passages(document)} == {"Dogs may come.", "Cats stay home."}
    text = page(admin_client, "document_changelist")
    assert "The earlier version still answers." in text
    read(document)
    assert {chunk.text for chunk in library.passages(document)} == {"Dogs stay home too.", "Cats stay home."}
    assert old_file != document.file.path


def test_the_history_tells_who_brought_what_when_and_what_changed(admin_client: Client) -> None:
    send(admin_client, ("rules.md", b"# Rules\n\n## Dogs\n\nDogs may come.\n\n## Cats\n\nCats stay home."))
    document = read(Document.objects.get())
    replace(
        admin_client, document, "rules-2.md", b"# Rules\n\n## Dogs\n\nNo dogs.\n\n## Cats\n\nCats stay home."
    )
    read(document)
    second, first = library.versions(document)
    assert (first.number, first.name, first.chunks, first.difference) == (1, "rules.md", 2, [])
    assert (second.number, second.name, second.chunks) == (2, "rules-2.md", 2)
    assert (second.added, second.removed) == (1, 1)
    assert second.difference == ["- Dogs may come.", "+ No dogs."]
    assert second.by and second.by.get_username() == "admin"
    text = page(admin_client, "document_change", document.pk)
    assert "1 passage new, 1 gone." in text
    assert "+ No dogs." in text


def test_a_version_that_cannot_be_read_says_so_and_the_old_one_answers(admin_client: Client) -> None:
    send(admin_client, ("rules.pdf", a_pdf([(50, 700, 10, "Dogs may come.")])))
    document = read(Document.objects.get())
    replace(admin_client, document, "rules.pdf", b"%PDF-1.4 torn")
    read(document)
    assert document.state == Document.State.FAILED
    assert len(library.passages(document)) == 1
    assert "Has not been read yet." in page(admin_client, "document_change", document.pk)


def test_the_same_file_as_a_new_version_and_that_of_another_document_are_refused(
    admin_client: Client,
) -> None:
    send(admin_client, ("a.md", b"# A\n\nOne."), ("b.md", b"# B\n\nTwo."))
    a, b = (read(row) for row in Document.objects.order_by("name"))
    assert "byte for byte" in replace(admin_client, a, "other.md", b"# A\n\nOne.").content.decode()
    text = replace(admin_client, a, "other.md", b"# B\n\nTwo.").content.decode()
    assert reverse("admin:knowledge_document_change", args=[b.pk]) in text
    assert library.versions(a)[0].number == 1


def test_renaming_publishing_and_reading_again_make_no_version(admin_client: Client) -> None:
    document = read(a_document("Text.", title="T"))
    url = reverse("admin:knowledge_document_change", args=[document.pk])
    assert admin_client.post(url, {"title": "U", "text": "Text.", "format": "md"}).status_code == 302
    read(document)
    assert [version.number for version in library.versions(document)] == [1]


def test_a_difference_is_bounded_and_linear() -> None:
    many = difference(
        ["\n".join(f"old {n}" for n in range(50_000))], ["\n".join(f"new {n}" for n in range(50_000))]
    )
    assert len(many) == 41
    assert many[-1] == "… 99960 more changed lines"
    assert difference(["a\nb"], ["b\na"]) == []


# --- Watching them ---------------------------------------------------------------------------------
def test_progress_tells_state_reason_passages_and_pages(admin_client: Client) -> None:
    good = read(a_document("# T\n\nText."))
    bad = a_document(title="Scan")
    library.save_document(bad, file=ContentFile(b"%PDF-1.4 torn", "x.pdf"))
    waiting = a_document("Waits.", published=False)
    Document.objects.filter(pk=bad.pk).update(state="failed", error="The file is damaged. Save it again.")
    told = json.loads(
        page(admin_client, "document_progress", query=f"?ids={good.pk},{bad.pk},{waiting.pk},x,9999")
    )
    rows = told["documents"]
    assert set(rows) == {str(good.pk), str(bad.pk), str(waiting.pk)}
    assert (rows[str(good.pk)]["pill"], rows[str(good.pk)]["passages"]) == ("ready", 1)
    assert rows[str(bad.pk)]["reason"].startswith("The file is damaged.")
    assert rows[str(waiting.pk)]["working"]


def test_progress_of_faqs_is_told_too(admin_client: Client) -> None:
    read_already = a_faq("How do I pay?")
    ingest.reindex(embedder=WordEmbedder())
    waiting, hidden = a_faq("Where?"), a_faq("When?", published=False)
    told = json.loads(
        page(admin_client, "faq_progress", query=f"?ids={read_already.pk},{waiting.pk},{hidden.pk},x")
    )
    rows = told["faqs"]
    assert rows[str(read_already.pk)] == {"pill": "ready", "label": "Ready", "reason": "", "working": False}
    assert (rows[str(waiting.pk)]["pill"], rows[str(waiting.pk)]["working"]) == ("pending", True)
    assert rows[str(hidden.pk)]["reason"] == "Not published."
    listed = page(admin_client, "faq_changelist")
    assert f'data-faq="{waiting.pk}" data-working' in listed


def test_a_document_that_is_ready_and_hidden_has_a_pill_of_its_own(admin_client: Client) -> None:
    read(a_document("Text.", published=False))
    assert "pill-unpublished" in page(admin_client, "document_changelist")


def test_reading_again_is_remembered_as_a_build(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    document = read(a_document("# T\n\nText."))
    with django_capture_on_commit_callbacks() as asked:
        admin_client.post(reverse("admin:knowledge_document_read_again", args=[document.pk]))
    document.refresh_from_db()
    assert (len(asked), document.state) == (1, Document.State.PENDING)
    user = get_user_model().objects.get()
    tasks.read_chosen.call([("document", document.pk)], "read again: T", user.pk)
    build = IndexBuild.objects.get()
    assert (build.by, build.reason, build.kept, build.embedded, build.done) == (
        user,
        "read again: T",
        1,
        0,
        1,
    )
    assert build.finished_at is not None
    document.refresh_from_db()
    assert document.state == Document.State.READY
    assert "read again: T" in page(admin_client, "indexbuild_changelist")


def test_a_rebuild_of_everything_tells_how_far_it_is_and_who_wanted_it(admin_client: Client) -> None:
    for number in range(3):
        a_document(f"# D{number}\n\nText {number}.")
    user = get_user_model().objects.get()
    tasks.reindex.call("all", "everything", user.pk)
    build = IndexBuild.objects.get()
    assert (build.done, build.total, build.embedded, build.by) == (3, 3, 3, user)
    (told,) = json.loads(page(admin_client, "indexbuild_progress"))["builds"]
    assert told == {"id": build.pk, "done": 3, "total": 3, "running": False}


def test_a_run_over_chosen_documents_neither_stops_a_rebuild_nor_is_joined_by_one() -> None:
    library.begin_chosen("read again", 1)
    build, mine = library.begin_build("everything")
    assert mine
    assert not build.chosen


# --- Reviewing them --------------------------------------------------------------------------------
def test_what_is_overdue_is_told_on_the_first_page_and_filtered_in_the_list(admin_client: Client) -> None:
    today = timezone.localdate()
    a_document("Old.", title="Late one", review_by=today - timedelta(days=1))
    a_document("New.", title="Due today", review_by=today)
    a_document("None.", title="Without a date")
    a_faq(review_by=today - timedelta(days=9))
    first = admin_client.get(reverse("admin:index")).content.decode()
    assert "1 document overdue for review" in first
    assert "1 FAQ overdue for review" in first
    overdue = page(admin_client, "document_changelist", query="?review=overdue")
    assert "Late one" in overdue
    assert "Due today" not in overdue
    assert "Due today" in page(admin_client, "document_changelist", query="?review=soon")
    assert "Without a date" in page(admin_client, "document_changelist", query="?review=none")


def test_an_overdue_document_goes_on_answering() -> None:
    document = read(a_document("Text.", review_by=timezone.localdate() - timedelta(days=400)))
    assert document.pk in {
        row.source_id for row in library.live_passages([c.pk for c in library.passages(document)]).values()
    }


# --- Looking at them -------------------------------------------------------------------------------
def test_the_original_comes_byte_for_byte_and_only_as_an_attachment(
    admin_client: Client, client: Client
) -> None:
    content = b"<script>alert(1)</script>"
    send(admin_client, ("page.html", content))
    document = Document.objects.get()
    Document.objects.update(name='we"ird\r\nSet-Cookie: a=b; \u202efdp.html')
    url = reverse("admin:knowledge_document_original", args=[document.pk])
    answer = admin_client.get(url)
    assert answer.content == content
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert "\n" not in answer["Content-Disposition"]
    assert "private" in answer["Cache-Control"]
    assert "no-store" in answer["Cache-Control"]
    assert client.get(url).status_code == 302
    document.file.storage.delete(document.file.name)
    assert admin_client.get(url).status_code == 404


def test_passages_are_shown_a_page_at_a_time_with_heading_and_tokens(admin_client: Client) -> None:
    document = read(a_document("# Long\n\n" + sections_text(60, words=100)))
    with CaptureQueriesContext(
        connection,
    ) as asked:
        text = page(admin_client, "document_passages", document.pk)
    assert text.count('<p class="where">') == 25
    assert "Part 0" in text
    assert " tokens" in text
    assert len(asked) < 12
    assert "Part 59" in page(admin_client, "document_passages", document.pk, query="?p=3")


def test_asking_a_document_shows_what_it_brings_also_before_it_is_published(admin_client: Client) -> None:
    shown = read(a_document("# Parking\n\n## Gate\n\nThe gate code is 4711.", title="Parking"))
    hidden = read(
        a_document("# Garage\n\n## Gate\n\nThe garage code is 4712.", title="Garage", published=False)
    )
    question = "?q=what+is+the+gate+code"
    text = page(admin_client, "document_passages", shown.pk, query=question)
    assert "1 of the 1 passages an answer would rest on is of this document" in text
    text = page(admin_client, "document_passages", hidden.pk, query=question)
    assert "it is not published" in text
    assert "The garage code is 4712." in text.split("If this document were all there is")[1]
    text = page(admin_client, "ask", query=question)
    assert "The gate code is 4711." in text
    assert "4712" not in text
    assert "The gate is" in text


def test_a_question_without_an_index_brings_nothing_and_does_not_fail(admin_client: Client) -> None:
    assert "Nothing." in page(admin_client, "ask", query="?q=anything%00at%20all")
    document = a_document("Not read yet.")
    assert "None yet." in page(admin_client, "document_passages", document.pk, query="?q=read")


@pytest.mark.parametrize("name", ["document", "faq", "indexbuild"])
def test_a_list_costs_the_same_few_queries_however_long_it_is(admin_client: Client, name: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            page(admin_client, f"{name}_changelist")
        return len(asked)

    def grow(count: int) -> None:
        for number in range(count):
            by = get_user_model().objects.create_user(f"{name}{Document.objects.count()}-{number}")
            a_document(f"Text {Document.objects.count()}.", created_by=by)
            a_faq(f"Question {Faq.objects.count()}?")
            IndexBuild.objects.create(by=by)

    grow(2)
    few = cost()
    grow(20)
    assert cost() == few <= 12


def test_saving_a_page_unchanged_is_no_new_version(admin_client: Client) -> None:
    """A browser sends other line ends than were stored, and texts may begin and end with blanks."""
    document = read(a_document("  # T\n\nOne.\nTwo.\n", title="T"))
    faq = a_faq(answer="One.\n\nTwo.")
    ingest.run_faq(faq.pk, EMBEDDER)
    sent = {"title": "T", "text": document.text.replace("\n", "\r\n"), "format": "md", "published": "on"}
    admin_client.post(reverse("admin:knowledge_document_change", args=[document.pk]), sent)
    sent = {"question": faq.question, "answer": faq.answer.replace("\n", "\r\n"), "published": "on"}
    assert admin_client.post(reverse("admin:knowledge_faq_change", args=[faq.pk]), sent).status_code == 302
    for row in (document, faq):
        row.refresh_from_db()
        assert row.fingerprint == row.indexed_hash
    assert len(library.versions(document)) == 1


def test_a_pasted_text_can_be_replaced_by_a_file(admin_client: Client) -> None:
    document = read(a_document("# T\n\nPasted.\n", title="T"))
    file = SimpleUploadedFile("t.md", b"# T\n\nUploaded.")
    sent = {"title": "T", "text": document.text.replace("\n", "\r\n"), "format": "md", "upload": file}
    url = reverse("admin:knowledge_document_change", args=[document.pk])
    assert admin_client.post(url, sent | {"published": "on"}).status_code == 302
    document.refresh_from_db()
    assert (document.text, document.name) == ("", "t.md")
    assert [chunk.text for chunk in library.passages(read(document))] == ["Uploaded."]
