"""Documents on a disk that is full: words for staff, and nothing half-written."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from joblynk.testing.disks import Disk, small_disk
from knowledge import library, upload
from knowledge.models import Document

pytestmark = pytest.mark.django_db(transaction=True)
SMALL, LARGE = b"# Opening hours\n\nWe open at nine.\n", b"# Prices\n\n" + b"word " * 400_000


@pytest.fixture
def disk(tmp_path: Path, settings: Settings) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        settings.MEDIA_ROOT = disk.path / "uploads"
        yield disk


def files(disk: Disk) -> list[bytes]:
    return [path.read_bytes() for path in (disk.path / "uploads").rglob("*") if path.is_file()]


def test_a_file_that_finds_no_room_is_told_beside_those_that_did(disk: Disk, admin_client: Client) -> None:
    named = {"large.md": LARGE, "small.md": SMALL}
    sent = [SimpleUploadedFile(name, content) for name, content in named.items()]
    answer = admin_client.post(reverse("admin:knowledge_document_add"), {"upload": sent, "published": "on"})
    assert answer.status_code == 200
    assert upload.NO_ROOM.split(":")[0] in answer.content.decode()
    assert [document.name for document in Document.objects.all()] == ["small.md"]
    assert files(disk) == [SMALL]


def test_a_new_version_that_finds_no_room_leaves_the_old_one(disk: Disk, admin_client: Client) -> None:
    document = Document(name="hours.md", format="md", title="Hours")
    library.save_document(document, file=ContentFile(SMALL, "hours.md"))
    answer = admin_client.post(
        reverse("admin:knowledge_document_change", args=[document.pk]),
        {"title": "Hours", "published": "on", "upload": SimpleUploadedFile("hours.md", LARGE)},
    )
    assert answer.status_code == 507
    assert "The disk is full" in answer.content.decode()
    document.refresh_from_db()
    assert document.size == len(SMALL)
    assert files(disk) == [SMALL]


def test_an_export_that_finds_no_room_says_so_and_leaves_nothing(disk: Disk) -> None:
    document = Document(name="hours.md", format="md", title="Hours")
    library.save_document(document, file=ContentFile(SMALL, "hours.md"))
    disk.fill()
    with pytest.raises(CommandError, match="cannot be written: No space left"):
        call_command("export_knowledge", str(disk.path / "all.zip"))
    assert sorted(path.name for path in disk.path.iterdir()) == ["ballast", "uploads"]
