"""Staff write, upload, publish and see why something failed; what they typed is never markup."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from knowledge import ingest
from knowledge.models import Chunk, Document, Faq, IndexBuild
from knowledge.tests.builders import WordEmbedder, a_document, a_faq, a_pdf

pytestmark = pytest.mark.django_db

EVIL = '<script>alert("x")</script>'


@pytest.fixture(autouse=True)
def uploads(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"


def add(client: Client, page: str = "document", /, **data: object) -> str:
    """The text of the page that answers; empty when it was saved."""
    response = client.post(reverse(f"admin:knowledge_{page}_add"), data)
    return "" if response.status_code == 302 else response.content.decode()


def act(client: Client, action: str, *rows: Document | Faq) -> None:
    name = type(rows[0])._meta.model_name
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    assert client.post(reverse(f"admin:knowledge_{name}_changelist"), data).status_code == 302


def test_a_pasted_text_is_stored_and_read_after_the_commit(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert add(admin_client, title="Refunds", text="Within 14 days.", format="md", published="on") == ""
    document = Document.objects.get()
    assert (document.state, document.created_by.username) == (Document.State.PENDING, "admin")  # type: ignore[union-attr]
    assert DBTaskResult.objects.get().args_kwargs["args"] == [document.pk]


def test_an_uploaded_file_is_stored_under_a_name_of_our_own(admin_client: Client) -> None:
    file = SimpleUploadedFile("..\\..\\evil\u202efdp.pdf", a_pdf([(50, 700, 10, "Hello")]))
    assert add(admin_client, upload=file, published="on") == ""
    document = Document.objects.get()
    assert document.format == "pdf"
    assert document.name == "evilfdp.pdf"
    assert document.file.name.startswith("documents/") and document.file.name.endswith(".pdf")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Upload a file or paste a text."),
        ({"text": "x", "upload": ("a.md", b"y")}, "not both"),
        ({"upload": ("a.exe", b"MZ")}, "cannot be read"),
        ({"upload": ("a", b"text")}, "cannot be read"),
        ({"upload": ("a.pdf", b"<html>")}, "damaged"),
        ({"upload": ("a.docx", b"\xd0\xcf\x11\xe0rest")}, "password"),
        ({"upload": ("a.md", b"")}, "empty"),
        ({"text": "nul \0 byte"}, "Null characters"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_the_reason(
    admin_client: Client, data: dict[str, object], words: str
) -> None:
    sent = {
        key: SimpleUploadedFile(*value) if isinstance(value, tuple) else value for key, value in data.items()
    }
    assert words in add(admin_client, format="md", **sent)
    assert not Document.objects.exists()


def test_the_state_is_told_in_plain_words_with_the_error(admin_client: Client) -> None:
    file = SimpleUploadedFile("scan.pdf", a_pdf([]))
    add(admin_client, upload=file, published="on")
    ingest.run(Document.objects.get().pk, WordEmbedder())
    page = admin_client.get(reverse("admin:knowledge_document_changelist")).content.decode()
    assert "pill-failed" in page
    assert "pictures of text only" in page


def test_every_word_of_staff_and_files_is_escaped(admin_client: Client) -> None:
    document = a_document(f"# {EVIL}\n\n## {EVIL}\n\n{EVIL}", title=EVIL, name=EVIL, error=EVIL)
    ingest.run(document.pk, WordEmbedder())
    Document.objects.update(error=EVIL, state=Document.State.FAILED)
    faq = a_faq(EVIL, EVIL, phrasings=[EVIL], tags=[EVIL])
    ingest.run_faq(faq.pk, WordEmbedder())
    for name, pk in (("document", document.pk), ("faq", faq.pk)):
        for url in (
            reverse(f"admin:knowledge_{name}_changelist"),
            reverse(f"admin:knowledge_{name}_change", args=[pk]),
            reverse(f"admin:knowledge_{name}_delete", args=[pk]),
            reverse(f"admin:knowledge_{name}_history", args=[pk]),
        ):
            page = admin_client.get(url).content.decode()
            assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_the_preview_shows_the_passages_with_heading_and_page(admin_client: Client) -> None:
    file = SimpleUploadedFile("g.pdf", a_pdf([(50, 700, 20, "Prices"), (50, 660, 10, "Nine euros.")]))
    add(admin_client, upload=file, published="on")
    document = Document.objects.get()
    ingest.run(document.pk, WordEmbedder())
    page = admin_client.get(reverse("admin:knowledge_document_passages", args=[document.pk])).content.decode()
    assert "Nine euros." in page
    assert "page 1" in page
    page = admin_client.get(reverse("admin:knowledge_document_change", args=[document.pk])).content.decode()
    assert "g.pdf" in page


def test_editing_a_text_has_it_read_again_and_renaming_nothing_does_not(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    document = a_document("Old.", title="T")
    ingest.run(document.pk, WordEmbedder())
    url = reverse("admin:knowledge_document_change", args=[document.pk])
    for text, jobs in (("Old.", 0), ("New.", 1)):
        with django_capture_on_commit_callbacks(execute=True):
            sent = {"title": "T", "text": text, "format": "md", "published": "on"}
            assert admin_client.post(url, sent).status_code == 302
        assert DBTaskResult.objects.count() == jobs


def test_publish_unpublish_and_read_again_are_actions(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    document, faq = a_document("Text."), a_faq()
    for row in (document, faq):
        act(admin_client, "unpublish", row)
        row.refresh_from_db()
        assert not row.published
        act(admin_client, "publish", row)
        row.refresh_from_db()
        assert row.published
        with django_capture_on_commit_callbacks(execute=True):
            act(admin_client, "read_again", row)
    assert DBTaskResult.objects.count() == 2


def test_deleting_takes_the_passages_along(admin_client: Client) -> None:
    document = a_document("Text.")
    ingest.run(document.pk, WordEmbedder())
    url = reverse("admin:knowledge_document_delete", args=[document.pk])
    assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert not Chunk.objects.exists()


def test_an_faq_takes_its_phrasings_one_a_line_and_its_tags_with_commas(admin_client: Client) -> None:
    sent = {
        "question": "How do I pay?",
        "phrasings": "payment\r\n\r\n  pay   how \r\npayment",
        "answer": "By card.",
        "tags": "billing, , plans",
        "published": "on",
    }
    assert add(admin_client, "faq", **sent) == ""
    faq = Faq.objects.get()
    assert (faq.phrasings, faq.tags) == (["payment", "pay how"], ["billing", "plans"])
    page = admin_client.get(reverse("admin:knowledge_faq_change", args=[faq.pk])).content.decode()
    assert "payment\npay how" in page
    assert "billing, plans" in page


def test_builds_can_only_be_looked_at(admin_client: Client) -> None:
    build = IndexBuild.objects.create(reason="test")
    url = reverse("admin:knowledge_indexbuild_change", args=[build.pk])
    assert admin_client.get(url).status_code == 200
    assert admin_client.post(url, {"reason": "other"}).status_code == 403
    assert admin_client.get(reverse("admin:knowledge_indexbuild_add")).status_code == 403


def test_staff_who_may_only_look_see_the_document(client: Client, django_user_model: type) -> None:
    from django.contrib.auth.models import Permission

    reader = django_user_model.objects.create_user("reader", is_staff=True)  # type: ignore[attr-defined]
    reader.user_permissions.add(Permission.objects.get(codename="view_document"))
    client.force_login(reader)
    document = a_document("Text.")
    url = reverse("admin:knowledge_document_change", args=[document.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"text": "Changed."}).status_code == 403
