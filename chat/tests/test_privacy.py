"""Erasing one visitor leaves nothing of them anywhere, and everybody else's alone."""

import io
import json
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as site
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.utils import timezone
from pytest_django import Settings

from chat import tasks
from chat.models import (
    Attachment,
    AuditEntry,
    ConfirmedAddress,
    Conversation,
    DeliveryEvent,
    Event,
    Feedback,
    Message,
    Note,
    ShownVideo,
    Source,
    TranscriptDelivery,
)
from chat.transcripts import digests, privacy
from chat.transcripts.privacy import reach

pytestmark = pytest.mark.django_db(transaction=True)

ADA, BOB = "ada0" * 8, "b0b0" * 8
CANARY, OTHER = "kanarienvogel", "wellensittich"

# What holds nothing of a customer, with the reason. A new model stands here or in what erasing reaches.
HARMLESS = {
    "chat.auditentry": "names a conversation by its random id and holds counts",
    "chat.spending": "a sum a day",
    "knowledge.document": "what staff wrote",
    "knowledge.documentversion": "what staff wrote",
    "knowledge.faq": "what staff wrote",
    "knowledge.faqimport": "what staff wrote",
    "knowledge.chunk": "what staff wrote",
    "knowledge.removedchunk": "numbers",
    "knowledge.indexstate": "numbers",
    "knowledge.indexbuild": "numbers",
    "knowledge.resemblance": "what staff wrote",
    "videos.video": "what staff wrote",
    "videos.chapter": "what staff wrote",
    "videos.captiontrack": "what staff wrote",
    "videos.cue": "what staff wrote",
    "videos.piece": "what staff wrote",
    "videos.removedvideo": "numbers",
    "videos.cataloguestate": "numbers",
}


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.MAIL_DIR = tmp_path / "mail"


def test_every_model_is_reached_or_known_to_hold_nothing_of_a_customer() -> None:
    ours = {model._meta.label_lower for app in reach.APPS for model in apps.get_app_config(app).get_models()}
    reached = {model._meta.label_lower for model in reach.paths()}
    assert ours - reached - set(HARMLESS) == set()
    assert reached & set(HARMLESS) == set()


def plant(visitor: str, word: str) -> Conversation:
    """A row in every table that is reached, the word in every text, file and mail."""
    now = timezone.now()
    conversation = Conversation.objects.create(
        visitor=visitor, created_at=now, updated_at=now, last_seq=1, contact_email=f"{word}@mail.example"
    )
    question = Message.objects.create(conversation=conversation, role="user", text=word, created_at=now)
    answer = Message.objects.create(
        conversation=conversation, role="assistant", reply_to=question, created_at=now
    )
    Event.objects.create(conversation=conversation, seq=1, type="message.created", message=question, at=now)
    Source.objects.create(message=answer, rank=1, kind="web", quote=word, title=word)
    Feedback.objects.create(message=answer, value=-1, at=now)
    for message in (question, None):  # sent, and not yet sent
        picture = Attachment(visitor=visitor, message=message, width=1, height=1, size=1, created_at=now)
        picture.picture.save("a.png", ContentFile(word.encode()), save=False)
        picture.thumb.save("a.jpg", ContentFile(word.encode()), save=False)
        picture.save()
    ShownVideo.objects.create(message=answer, rank=1, video_id=1, title=word, score=1)
    Note.objects.create(conversation=conversation, created_at=now, client_action_id=uuid.uuid4())
    delivery = TranscriptDelivery.objects.create(
        conversation=conversation,
        last_message=answer,
        state="queued",
        created_at=now,
        queued_at=now,
        updated_at=now,
    )
    DeliveryEvent.objects.create(
        delivery=delivery, service_event_id=uuid.uuid4().hex, kind="x", attempt=1, at=now
    )
    ConfirmedAddress.objects.create(visitor=visitor, address=f"{word}@mail.example", at=now)
    site.MAIL_DIR.mkdir(parents=True, exist_ok=True)
    (site.MAIL_DIR / f"20260101-000000_{delivery.pk.hex}.eml").write_text(word)
    for holding in privacy.holdings([visitor]):
        fill(holding, word)
    digests.catch_up(10)
    return conversation


def fill(holding: privacy.Holding, word: str) -> None:
    """Every field that takes a word gets it."""
    values: dict[str, Any] = {}
    for field in holding.model._meta.concrete_fields:
        if field.name == reach.VISITOR or isinstance(field, models.FileField) or field.choices:
            continue
        if isinstance(field, models.JSONField):
            values[field.name] = {"said": word}
        elif isinstance(field, models.EmailField):
            values[field.name] = f"{word}@mail.example"
        elif isinstance(field, models.CharField | models.TextField) and (field.max_length or 99) >= 20:
            values[field.name] = f"{word} {uuid.uuid4().hex}"[: field.max_length]
    for row in holding.rows:
        holding.model._base_manager.filter(pk=row.pk).update(**values) if values else None


def found(word: str) -> list[str]:
    """Where the word stands: tables, the database's own files, uploads, mails."""
    with connection.cursor() as cursor:
        places = []
        for table in connection.introspection.table_names(cursor):
            if connection.vendor == "postgresql":
                where, values = "t::text LIKE %s", [f"%{word}%"]
            else:
                described = connection.introspection.get_table_description(cursor, table)
                where = " OR ".join(f'"{column.name}" LIKE %s' for column in described)
                values = [f"%{word}%"] * len(described)
            cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE {where}', values)  # noqa: S608
            places += [table] * bool(cursor.fetchone()[0])
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
    files = [*Path(site.MEDIA_ROOT).rglob("*"), *Path(site.MAIL_DIR).rglob("*")]
    if connection.vendor == "sqlite":
        database = Path(str(connection.settings_dict["NAME"]))
        files += [database, database.with_name(f"{database.name}-wal")]
    return places + [path.name for path in files if path.is_file() and word.encode() in path.read_bytes()]


def test_after_erasing_no_byte_of_a_visitor_is_left_and_all_of_the_others(tmp_path: Path) -> None:
    conversation = plant(ADA, CANARY)
    plant(BOB, OTHER)
    for holding in privacy.holdings([ADA]):
        assert holding.rows.exists(), f"plant a row of {holding.model.__name__}"
    assert len(found(CANARY)) > len(reach.paths())
    before, kept = takeout(BOB), found(OTHER)
    visitors = privacy.visitors_of(f"{CANARY}@mail.example")
    assert visitors == privacy.visitors_of(str(conversation.id)) == privacy.visitors_of(ADA) == [ADA]
    erased = privacy.erase(visitors, None)
    assert erased.whole
    assert (erased.files, erased.mails) == (4, 1)
    assert found(CANARY) == []
    assert found(ADA) == []
    assert takeout(BOB) == before
    lost = set(kept) - set(found(OTHER))
    assert all(name.endswith("-wal") for name in lost), lost  # written anew, it needs no log
    entry = AuditEntry.objects.get()
    assert entry.action == "erase"
    assert "2 messages" in entry.detail
    assert not privacy.erase([ADA], None).anything
    assert not privacy.visitors_of(ADA)


def takeout(visitor: str) -> dict[str, Any]:
    file = io.BytesIO()
    privacy.write_takeout([visitor], file)
    with zipfile.ZipFile(file) as archive:
        data: dict[str, Any] = json.loads(archive.read("data.json"))
        return {**data, "names": sorted(archive.namelist())}


def test_an_export_holds_every_table_and_picture_of_the_visitor_and_of_nobody_else() -> None:
    plant(ADA, CANARY)
    plant(BOB, OTHER)
    data = takeout(ADA)
    assert OTHER not in json.dumps(data)
    assert len(data["messages"]) == 2
    assert data["attachments"][0]["text"].startswith(CANARY)
    assert len([name for name in data["names"] if name.startswith("files/")]) == 4
    assert {len(rows) > 0 for name, rows in data.items()} == {True}


def test_what_is_older_than_the_site_keeps_is_forgotten_and_nothing_else(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_pruned", None)  # whatever this process has pruned today
    plant(ADA, CANARY)
    plant(BOB, OTHER)
    assert not privacy.prune().anything  # by default everything is kept
    settings.KEEP_CONVERSATIONS_DAYS = 30
    settings.KEEP_AUDIT_DAYS = 30
    long_ago = timezone.now() - timedelta(days=31)
    Conversation.objects.filter(visitor=ADA).update(updated_at=long_ago)
    ConfirmedAddress.objects.update(at=long_ago)
    Attachment.objects.filter(visitor=ADA, message=None).delete()  # the worker's after a day
    AuditEntry.objects.create(at=long_ago, action="read", actor_name="mira")
    tasks.prune_daily()
    assert {row.visitor for row in Conversation.objects.all()} == {BOB}
    assert {row.visitor for row in ConfirmedAddress.objects.all()} == {BOB}
    assert [row.action for row in AuditEntry.objects.all()] == ["prune"]
    assert len(list(Path(site.MEDIA_ROOT).rglob("*.png"))) == 3  # two of Bob's, and the one without a row


def test_the_commands_say_what_they_did_and_what_they_cannot_reach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(ADA, CANARY)
    call_command("export_visitor", f"{CANARY}@mail.example", str(tmp_path / "ada.zip"))
    assert zipfile.is_zipfile(tmp_path / "ada.zip")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_visitor", ADA, str(tmp_path / "ada.zip"))
    call_command("erase_visitor", ADA, "--yes")
    said = capsys.readouterr().out
    assert "2 messages" in said
    assert "backups of the database" in said
    with pytest.raises(CommandError, match="Nothing is stored"):
        call_command("erase_visitor", ADA, "--yes")
    call_command("prune")
    assert "Everything is kept" in capsys.readouterr().out
