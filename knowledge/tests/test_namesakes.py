"""A changed file that is brought as a new document: people say whether it replaces the earlier one."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from knowledge import ingest, library, roles
from knowledge.models import Document
from knowledge.tests.builders import WordEmbedder, a_document

pytestmark = pytest.mark.django_db

OLD, NEW = b"# Refunds\n\nWithin 14 days.", b"# Refunds\n\nWithin 30 days."


@pytest.fixture(autouse=True)
def site(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"


def send(client: Client, name: str, content: bytes) -> Any:
    data = {"upload": SimpleUploadedFile(name, content), "published": "on"}
    return client.post(reverse("admin:knowledge_document_add"), data)


@pytest.fixture
def both(admin_client: Client) -> tuple[Document, Document]:
    """The earlier document, read and published, and the upload of the same name."""
    assert send(admin_client, "guide.md", OLD).status_code == 302
    ingest.run(Document.objects.get().pk, WordEmbedder())
    assert send(admin_client, "Guide.md", NEW).status_code == 200
    old, new = Document.objects.order_by("pk")
    return old, new


def replace(client: Client, new: Document) -> Any:
    return client.post(reverse("admin:knowledge_document_replace", args=[new.pk]))


def test_an_upload_of_a_known_file_name_waits_unpublished_and_names_the_earlier_one(
    admin_client: Client, both: tuple[Document, Document]
) -> None:
    old, new = both
    assert (old.published, new.published) == (True, False)
    text = admin_client.get(reverse("admin:knowledge_document_change", args=[new.pk])).content.decode()
    assert f'{reverse("admin:knowledge_document_change", args=[old.pk])}">Refunds</a>' in text
    assert "Replace the earlier one" in text
    text = admin_client.get(reverse("admin:knowledge_document_change", args=[old.pk])).content.decode()
    assert "Replace the earlier one" not in text


def test_replacing_makes_it_the_next_version_while_the_earlier_one_answers(
    admin_client: Client,
    both: tuple[Document, Document],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    old, new = both
    files = [Path(row.file.path) for row in both]
    jobs = DBTaskResult.objects.count()
    with django_capture_on_commit_callbacks(execute=True):
        assert replace(admin_client, new).status_code == 302
    assert Document.objects.get() == old
    assert [chunk.text for chunk in library.passages(old)] == ["Within 14 days."]
    assert DBTaskResult.objects.count() == jobs + 1
    assert not any(file.exists() for file in files)
    ingest.run(old.pk, WordEmbedder())
    assert [chunk.text for chunk in library.passages(old)] == ["Within 30 days."]
    last, first = library.versions(old)
    assert (first.name, last.name, last.by) == ("guide.md", "Guide.md", get_user_model().objects.get())
    assert last.difference == ["- Within 14 days.", "+ Within 30 days."]


def test_both_can_answer_when_somebody_says_so(admin_client: Client, both: tuple[Document, Document]) -> None:
    data = {"action": "publish", "_selected_action": [both[1].pk]}
    admin_client.post(reverse("admin:knowledge_document_changelist"), data)
    assert Document.objects.filter(published=True).count() == 2


def test_an_editor_replaces_a_draft_and_nothing_that_is_published(
    client: Client, both: tuple[Document, Document]
) -> None:
    old, new = both
    editor = get_user_model().objects.create_user("editor", is_staff=True)
    editor.groups.add(Group.objects.get(name=roles.EDITORS))
    client.force_login(editor)
    assert "Ask a publisher" in send(client, "guide.md", b"Another.").content.decode()
    assert replace(client, new).status_code == 403
    library.set_published("document", [old.pk], False)
    assert replace(client, new).status_code == 302
    assert not Document.objects.filter(pk=new.pk).exists()


def test_the_earlier_one_may_be_gone_by_then(admin_client: Client, both: tuple[Document, Document]) -> None:
    old, new = both
    library.remove("document", [old.pk])
    assert replace(admin_client, new).status_code == 302
    assert Document.objects.get() == new


def test_pasted_texts_have_no_file_name_to_share(admin_client: Client) -> None:
    a_document("One.")
    data = {"text": "Two.", "format": "md", "published": "on"}
    assert admin_client.post(reverse("admin:knowledge_document_add"), data).status_code == 302
    assert Document.objects.filter(published=True).count() == 2
