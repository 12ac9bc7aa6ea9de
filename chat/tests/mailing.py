"""Conversations to send, and the clock of the outbox, for tests."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from chat import delivery
from chat.assistant.markdown import render
from chat.models import Conversation, Message, Source, TranscriptDelivery
from chat.protocol import DurableEvent
from chat.transcripts import deliveries
from chat.transcripts.deliveries import TranscriptRequest
from chat.transcripts.log import Refused
from joblynk.testing.fake_sendgrid import FakeSendGrid

VISITOR = "a" * 32
EMAIL = "anna@mail.example"


@pytest.fixture
def sendgrid(settings: Settings) -> Iterator[FakeSendGrid]:
    """A mail service that this site uses; addresses need no confirmation."""
    with FakeSendGrid() as server:
        settings.EMAIL_BACKEND = "joblynk.providers.sendgrid_mail.SendGridMail"
        settings.SENDGRID_API_KEY, settings.SENDGRID_HOST_URL = "SG.none", server.base_url
        settings.SENDGRID_WEBHOOK_VERIFICATION_KEY = server.public_key
        settings.DEFAULT_FROM_EMAIL = "Joblynk help <help@joblynk.example>"
        settings.SITE_URL = "https://help.joblynk.example"
        settings.MAIL_SECONDS = 30.0
        settings.TRANSCRIPT_CONFIRMATION = False
        yield server
    assert server.complaints == []


def a_talk(visitor: str = VISITOR, question: str = "How do I post a job?", **values: Any) -> Conversation:
    """A question and its answer with one source."""
    now = timezone.now()
    row = Conversation.objects.create(visitor=visitor, created_at=now, updated_at=now, **values)
    say(row, question)
    return row


def say(row: Conversation, question: str, answer: str = "Open *Jobs* and press **New** [1].") -> Message:
    """Add a question and its answer; returns the answer."""
    now = timezone.now()
    asked = Message.objects.create(conversation=row, role="user", text=question, created_at=now)
    said = Message.objects.create(
        conversation=row,
        role="assistant",
        author="Assistant",
        text=answer,
        html=render(answer, citations=1),
        reply_to=asked,
        created_at=now + timedelta(milliseconds=1),
        finish="stop",
        mode="llm",
    )
    Source.objects.create(
        message=said,
        rank=1,
        number=1,
        kind="document",
        title="Posting a job",
        heading="First steps",
        page=3,
        ocr=True,
        quote="Open Jobs and press New.",
        date="2026-11-20",
    )
    return said


def ask(row: Conversation, email: str = EMAIL, network: str = "") -> tuple[DurableEvent, ...] | Refused:
    return deliveries.request_transcript(TranscriptRequest(row.id, email, network), timezone.now())


def asked(row: Conversation, email: str = EMAIL) -> TranscriptDelivery:
    """The delivery of a transcript that was just asked for."""
    told = ask(row, email)
    assert not isinstance(told, Refused)
    return TranscriptDelivery.objects.filter(conversation=row, purpose="transcript").latest("created_at")


def send_due() -> bool:
    return delivery.send_due(lambda video_id, start: f"https://video.example/{video_id}?t={int(start)}")


def let_time_pass(by: timedelta) -> None:
    """For the outbox: everything in it happened that much earlier."""
    for row in TranscriptDelivery.objects.all():
        row.queued_at -= by
        row.created_at -= by
        if row.due_at is not None:
            row.due_at -= by
        row.save(update_fields=["queued_at", "created_at", "due_at"])


def states(rows: Iterable[TranscriptDelivery] | None = None) -> list[str]:
    found = TranscriptDelivery.objects.order_by("created_at") if rows is None else rows
    return [row.state for row in found]


def told_states(row: Conversation) -> list[str]:
    """What the customer was told of the transcript, in order."""
    return [event.data["state"] for event in row.events.filter(type="transcript.status").order_by("seq")]


def unused_id() -> uuid.UUID:
    return uuid.uuid4()
