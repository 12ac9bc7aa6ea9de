"""Staff read conversations; every field of a customer's is text."""

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chat import transcripts
from chat.models import Conversation, Message, Source
from chat.transcripts import digests

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def a_conversation(text: str = "How much is Team?", finish: str = "stop") -> Conversation:
    now = timezone.now()
    conversation = Conversation.objects.create(visitor="a" * 32, created_at=now, updated_at=now)
    item = transcripts.NewQuestion(
        conversation.id, uuid.uuid4(), text, "process", now, now + timedelta(seconds=9)
    )
    (accepted,) = transcripts.add_questions([item])
    assert isinstance(accepted, transcripts.Accepted)
    assert accepted.answer_id is not None
    source = Source(
        rank=1,
        number=1,
        kind="document",
        title=f"Plans {HOSTILE}",
        quote=f"Team is €119. {HOSTILE}",
        score=0.8,
    )
    transcripts.finish_answers(
        [
            transcripts.Outcome(
                conversation.id,
                accepted.answer_id,
                finish,
                now,
                text="€119 a month [1]",
                html="<p>€119 a month</p>",
                mode="offline",
                sources=(source,),
                total_ms=12,
            )
        ]
    )
    return conversation


def test_the_list_shows_the_first_question_and_finds_words(admin_client: Client) -> None:
    a_conversation("How much is Team?")
    a_conversation("Where is my invoice?")
    digests.catch_up(5)
    page = admin_client.get("/admin/chat/conversation/", {"q": "invoice"}).content.decode()
    assert "Where is my invoice?" in page
    assert "How much is Team?" not in page


def test_the_list_finds_what_was_not_found(admin_client: Client) -> None:
    a_conversation("Answered")
    a_conversation("Unknown thing", finish="no_answer")
    digests.catch_up(5)
    page = admin_client.get("/admin/chat/conversation/", {"outcome": "not_found"}).content.decode()
    assert "Unknown thing" in page
    assert "Answered" not in page


def test_a_page_that_was_never_written_to_is_not_listed(admin_client: Client) -> None:
    now = timezone.now()
    Conversation.objects.create(visitor="b" * 32, created_at=now, updated_at=now)
    assert "(no question)" not in admin_client.get("/admin/chat/conversation/").content.decode()


def test_the_transcript_shows_passages_scores_and_times_and_runs_nothing(admin_client: Client) -> None:
    conversation = a_conversation(HOSTILE)
    page = admin_client.get(f"/admin/chat/conversation/{conversation.id}/change/").content.decode()
    assert "Team is €119." in page
    assert "0.80" in page
    assert "total 12 ms" in page
    assert "quoted from the guides" in page
    assert not re.search(r"<script>alert|<img src=x", page)


def test_nobody_edits_or_deletes_a_transcript(admin_client: Client) -> None:
    conversation = a_conversation()
    for page in ("change", "delete"):
        admin_client.post(
            f"/admin/chat/conversation/{conversation.id}/{page}/", {"status": "human", "post": "yes"}
        )
    conversation.refresh_from_db()
    assert conversation.status == "bot"
    assert admin_client.get("/admin/chat/conversation/add/").status_code == 403


def test_the_list_costs_the_same_number_of_queries_for_many_conversations(
    admin_client: Client, django_assert_max_num_queries: object
) -> None:
    for number in range(12):
        a_conversation(f"Question {number}")
    assert Message.objects.count() == 24
    with django_assert_max_num_queries(10):  # type: ignore[operator]
        admin_client.get("/admin/chat/conversation/")


def test_an_unknown_conversation_leads_back_to_the_list(admin_client: Client) -> None:
    for wrong in (uuid.uuid4(), "nonsense"):
        assert admin_client.get(f"/admin/chat/conversation/{wrong}/change/").status_code == 302
