"""The list of conversations: filters, search, pages; and who may open, export and erase what."""

import csv
import io
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chat.models import (
    Attachment,
    AuditEntry,
    Conversation,
    Feedback,
    Message,
    ShownVideo,
    Spending,
)
from chat.staff import tickets
from chat.tests.mailing import asked
from chat.tests.test_admin import a_conversation
from chat.transcripts import digests, listing
from chat.transcripts.listing import Wanted

pytestmark = pytest.mark.django_db

LIST = "/admin/chat/conversation/"


def said(wanted: Wanted) -> list[str]:
    """First questions of the whole list, page by page."""
    found: list[str] = []
    while True:
        page = listing.page(wanted, 0)
        found += [line.first_question for line in page.lines]
        if not page.next:
            return found
        wanted = Wanted(wanted.state, wanted.outcome, wanted.since, wanted.until, wanted.words, page.next)


def test_pages_follow_each_other_without_a_gap_or_a_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 4)
    rows = [a_conversation(f"Question {number}") for number in range(11)]
    Conversation.objects.update(updated_at=timezone.now())  # of the same moment, the hardest case
    digests.catch_up(10)
    every = {f"Question {number}" for number in range(11)}
    for wanted in (Wanted(), Wanted(state="bot"), Wanted(words="question")):
        found = said(wanted)
        assert (len(found), set(found)) == (11, every), wanted
    Conversation.objects.update(status="waiting", waiting_since=timezone.now())
    assert set(said(Wanted(state="waiting"))) == every
    longest = rows[7]
    Conversation.objects.filter(id=longest.id).update(waiting_since=timezone.now() - timedelta(hours=1))
    assert said(Wanted(state="waiting"))[0] == "Question 7"
    assert len(said(Wanted(after="nonsense"))) == 11


def test_each_filter_shows_what_it_says() -> None:
    plain = a_conversation("Plain")
    now = timezone.now()
    a_conversation("Lost", finish="no_answer")
    failed = a_conversation("Failed")
    failed.messages.filter(role="assistant").update(finish="interrupted")
    for text, value in (("Bad", -1), ("Good", 1)):
        answer = a_conversation(text).messages.get(role="assistant")
        Feedback.objects.create(message=answer, value=value, at=now)
    asked = a_conversation("Shown").messages.get(role="user")
    Attachment.objects.create(
        visitor="a" * 32, message=asked, width=1, height=1, size=1, created_at=now, text="Fehler E-1042"
    )
    filmed = a_conversation("Filmed").messages.get(role="assistant")
    ShownVideo.objects.create(message=filmed, rank=1, video_id=1, title="V", score=1)
    digests.catch_up(10)
    assert said(Wanted(outcome="not_found")) == ["Lost"]
    assert said(Wanted(outcome="failed")) == ["Failed"]
    assert said(Wanted(outcome="not_helpful")) == ["Bad"]
    assert said(Wanted(outcome="pictures")) == ["Shown"]
    assert said(Wanted(outcome="videos")) == ["Filmed"]
    assert said(Wanted(words="e-1042")) == ["Shown"]
    today = timezone.localdate()
    Conversation.objects.filter(id=plain.id).update(updated_at=now - timedelta(days=3))
    assert said(Wanted(until=today - timedelta(days=1))) == ["Plain"]
    assert "Plain" not in said(Wanted(since=today - timedelta(days=1)))


def test_a_search_finds_words_in_any_case_without_accents_and_from_their_beginning() -> None:
    conversation = a_conversation("Où est ma Facture de février? Straße 12")
    Conversation.objects.filter(id=conversation.id).update(contact_email="ada@mail.example")
    a_conversation("Something else")
    digests.catch_up(10)
    for words in (
        *("facture", "FACTURE", "fevrier", "Février facture", "fact", "straße"),
        *("ada@mail.example", str(conversation.id), conversation.id.hex[:8], "où  est"),
    ):
        assert said(Wanted(words=words)) == ["Où est ma Facture de février? Straße 12"], words
    for words in ("acture", "facture banana", "!!!", '" OR 1', "zz:*", "'"):
        assert "Something else" not in said(Wanted(words=words)), words


def test_what_was_said_since_is_found_after_the_worker_has_looked_and_once() -> None:
    conversation = a_conversation("First")
    digests.catch_up(10)
    Message.objects.create(
        conversation=conversation, role="user", text="mangosteen", created_at=timezone.now()
    )
    Conversation.objects.filter(id=conversation.id).update(last_seq=9, updated_at=timezone.now())
    assert said(Wanted(words="mangosteen")) == []
    assert digests.catch_up(10) is False
    assert said(Wanted(words="mangosteen")) == ["First"] == said(Wanted(words="first"))
    before = conversation.digest.pk
    digests.catch_up(10)
    assert Conversation.objects.get(id=conversation.id).digest.pk == before


@pytest.mark.parametrize(
    "query", ["", "?state=waiting", "?outcome=not_found", "?q=question", "?q=question&state=bot"]
)
def test_a_page_costs_the_same_few_queries_however_many_conversations_there_are(
    admin_client: Client, query: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        a_conversation(f"Question {number}", finish="no_answer")
    digests.catch_up(10)
    with django_assert_max_num_queries(6):
        assert admin_client.get(LIST + query).status_code == 200


def test_a_transcript_costs_the_same_few_queries_however_long_it_is(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    conversation = a_conversation()
    for number in range(20):
        Message.objects.create(
            conversation=conversation, role="user", text=str(number), created_at=timezone.now()
        )
    with django_assert_max_num_queries(14):
        admin_client.get(f"{LIST}{conversation.id}/change/")


def test_every_look_at_a_transcript_is_in_the_audit_log_and_the_live_view_needs_one(
    admin_client: Client,
) -> None:
    conversation = a_conversation()
    page = admin_client.get(f"{LIST}{conversation.id}/change/")
    assert [(row.action, row.conversation) for row in AuditEntry.objects.all()] == [("read", conversation.id)]
    live = f"{LIST}{conversation.id}/live/"
    assert admin_client.get(live).status_code == 403
    other = tickets.issue(page.context["boot"]["id"], uuid.uuid4())
    assert admin_client.get(live, {"ticket": other}).status_code == 403
    assert admin_client.get(live, {"ticket": page.context["boot"]["ticket"]}).status_code == 200


def test_an_export_holds_figures_and_no_formula_and_is_in_the_audit_log(admin_client: Client) -> None:
    rows = [
        a_conversation(text) for text in ('=HYPERLINK("https://a.example")', "\uff1d1+1", "\n=1+1", "Plain")
    ]
    chosen = [str(row.id) for row in rows]
    answer = admin_client.post(f"{LIST}export/", {"chosen": [*chosen, "nonsense"], "format": "csv"})
    lines = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert len(lines) == 8
    assert {line["text"][:2] for line in lines} == {"'=", "'\uff1d", "'\n", "Pl", "€1"}
    assert {line["total_ms"] for line in lines} == {"", "12"}
    answer = admin_client.post(f"{LIST}export/", {"chosen": chosen, "format": "json"})
    found = json.loads(answer.content)["conversations"]
    assert found[0]["messages"][1]["passages"][0]["score"] == 0.8
    assert AuditEntry.objects.filter(action="export").count() == 8
    assert admin_client.post(f"{LIST}export/").status_code == 302


# --- Who may what ------------------------------------------------------------------------------

ROLES = ("nobody", "staff", "editor", "agent", "supervisor")


class Wall(NamedTuple):
    """What each role is answered: status codes in the order of `ROLES`."""

    codes: tuple[int, int, int, int, int]
    method: str = "get"
    data: Mapping[str, str] = MappingProxyType({})


SEEN = (302, 403, 403, 200, 200)
BOSS = (302, 403, 403, 403, 200)
NEVER = (302, 403, 403, 403, 403)
WALLS: dict[str, list[Wall]] = {
    "chat_conversation_changelist": [Wall(SEEN)],
    "chat_conversation_add": [Wall(NEVER), Wall(NEVER, "post")],
    "chat_conversation_change": [Wall(SEEN), Wall(NEVER, "post", {"status": "human"})],
    "chat_conversation_delete": [Wall(NEVER), Wall(NEVER, "post", {"post": "yes"})],
    "chat_conversation_history": [Wall((302, 302, 302, 200, 200))],  # a row that is not theirs is none
    "chat_conversation_live": [Wall(NEVER)],  # without the ticket that the page gives
    "chat_conversation_export": [
        Wall((302, 405, 405, 405, 405)),
        Wall((302, 403, 403, 403, 200), "post", {"chosen": "ID"}),
    ],
    "chat_conversation_visitor": [
        Wall(BOSS),
        Wall(BOSS, "post", {"export": "1"}),
        Wall((302, 403, 403, 403, 302), "post", {"word": "erase"}),
        Wall(BOSS, "post", {"word": "no"}),
    ],
    "chat_auditentry_changelist": [Wall(BOSS)],
    "chat_auditentry_add": [Wall(NEVER)],
    "chat_auditentry_change": [Wall(BOSS), Wall(NEVER, "post", {"detail": "nothing happened"})],
    "chat_auditentry_delete": [Wall(NEVER), Wall(NEVER, "post", {"post": "yes"})],
    "chat_auditentry_history": [Wall(BOSS)],
    "chat_feedback_changelist": [Wall(SEEN)],
    "chat_feedback_add": [Wall(NEVER)],
    "chat_feedback_change": [Wall(SEEN), Wall(NEVER, "post", {"value": "1"})],
    "chat_feedback_delete": [Wall(NEVER), Wall(NEVER, "post", {"post": "yes"})],
    "chat_feedback_history": [Wall(SEEN)],
    "chat_transcriptdelivery_changelist": [Wall(SEEN)],
    "chat_transcriptdelivery_add": [Wall(NEVER), Wall(NEVER, "post")],
    "chat_transcriptdelivery_change": [Wall(SEEN), Wall(NEVER, "post", {"state": "delivered"})],
    "chat_transcriptdelivery_delete": [Wall(NEVER), Wall(NEVER, "post", {"post": "yes"})],
    "chat_transcriptdelivery_history": [Wall(SEEN)],
    "chat_transcriptdelivery_resend": [
        Wall((302, 405, 405, 405, 405)),
        Wall((302, 403, 403, 403, 302), "post"),
    ],
    "chat_spending_changelist": [Wall(NEVER)],  # whoever may is named by the site
    "chat_spending_add": [Wall(NEVER), Wall(NEVER, "post")],
    "chat_spending_change": [Wall(NEVER), Wall(NEVER, "post", {"tokens": "0"})],
    "chat_spending_delete": [Wall(NEVER), Wall(NEVER, "post", {"post": "yes"})],
    "chat_spending_history": [Wall(NEVER)],
}


@pytest.fixture
def signed_in() -> Callable[[str], Client]:
    def sign_in(role: str) -> Client:
        client = Client()
        if role != "nobody":
            user = get_user_model().objects.create_user(f"{role}-{uuid.uuid4()}", is_staff=True)
            if role != "staff":
                user.groups.add(Group.objects.get(name=f"{role.capitalize()}s"))
            client.force_login(user)
        return client

    return sign_in


def address(route: str) -> tuple[str, str]:
    """Of a row made for this request, and the id of its conversation."""
    conversation = a_conversation()
    key: object = conversation.id
    if "auditentry" in route:
        key = AuditEntry.objects.create(at=timezone.now(), action="read").pk
    elif "feedback" in route:
        answer = conversation.messages.get(role="assistant")
        key = Feedback.objects.create(message=answer, value=-1, at=timezone.now()).pk
    elif "delivery" in route:
        key = asked(conversation, f"{conversation.id.hex}@mail.example").pk
    elif "spending" in route:
        key = Spending.objects.get_or_create(day=timezone.localdate())[0].pk
    single = route.endswith(("changelist", "add", "export"))
    return reverse(f"admin:{route}", args=[] if single else [key]), str(conversation.id)


def test_every_route_of_the_chat_s_pages_is_listed() -> None:
    names = {
        str(pattern.name)
        for resolver in admin.site.urls[0]
        for pattern in getattr(resolver, "url_patterns", [])
    }
    assert {name for name in names if name.startswith("chat_")} == set(WALLS)


@pytest.mark.parametrize("route", sorted(WALLS))
def test_a_route_answers_each_role_as_it_is_listed(route: str, signed_in: Callable[[str], Client]) -> None:
    for wall in WALLS[route]:
        for role, code in zip(ROLES, wall.codes, strict=True):
            client, (url, conversation) = signed_in(role), address(route)
            data = {name: value.replace("ID", conversation) for name, value in wall.data.items()}
            answer = getattr(client, wall.method)(url, data)
            assert answer.status_code == code, (route, wall.method, role, dict(wall.data))
            if role == "nobody":
                assert "/login/" in answer["Location"]


def test_a_demotion_counts_from_the_next_request_on(signed_in: Callable[[str], Client]) -> None:
    boss = signed_in("supervisor")
    url, conversation = address("chat_conversation_visitor")
    assert boss.get(url).status_code == 200
    for user in get_user_model().objects.all():
        user.groups.clear()
    assert boss.post(url, {"word": "erase"}).status_code == 403
    assert Conversation.objects.filter(id=conversation).exists()
    assert Permission.objects.filter(codename="erase_conversation").exists()


def test_markup_in_any_field_is_text_on_every_page(admin_client: Client) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    conversation, now = a_conversation(evil), timezone.now()
    Conversation.objects.update(
        csat_score=1, csat_comment=evil, locale=evil[:35], time_zone=evil, assignee_name=evil
    )
    answer = conversation.messages.get(role="assistant")
    question = conversation.messages.get(role="user")
    Message.objects.update(author=evil, notice=evil, search_query=evil, model=evil, error_code=evil[:24])
    Message.objects.create(conversation=conversation, role="staff", author=evil, text=evil, created_at=now)
    Feedback.objects.create(message=answer, value=-1, at=now, reason=evil[:40], comment=evil)
    Attachment.objects.create(
        visitor="a" * 32, message=question, width=1, height=1, size=1, created_at=now, read_at=now,
        name=evil, text=evil, description=evil, failure=evil[:24],
    )  # fmt: skip
    ShownVideo.objects.create(
        message=answer, rank=1, video_id=1, title=evil, chapter=evil, score=1, matched="x"
    )
    AuditEntry.objects.create(at=now, action="read", actor_name=evil, detail=evil)
    digests.catch_up(10)
    page = f"{LIST}{conversation.id}"
    for path in (
        *(LIST, f"{LIST}?q={evil}", f"{page}/change/", f"{page}/visitor/", f"{page}/history/"),
        *("/admin/chat/feedback/", "/admin/chat/auditentry/"),
    ):
        answer_html = admin_client.get(path).content.decode()
        assert "<script>alert" not in answer_html, path
        assert "<img src=x" not in answer_html, path
        shown = "&lt;script&gt;alert(1)" in answer_html
        assert shown or path.endswith(("/visitor/", "/history/")), path
