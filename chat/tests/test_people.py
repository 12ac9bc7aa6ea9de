"""People of the team take over, answer, give back and close; the assistant is silent in between."""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from pytest_django import Settings

from chat import office, protocol, tasks, transcripts
from chat.checks import check_office
from chat.desk import Desk
from chat.models import AuditEntry, Conversation, Message, Note
from chat.staff import commands, consumer, tickets
from chat.staff.consumer import StaffConsumer
from chat.tests.conftest import Script, Tab
from chat.transcripts import listing
from chat.transcripts.export import export

pytestmark = pytest.mark.django_db(transaction=True)
OpenTab = Callable[..., Awaitable[Tab]]


class StaffTab(Tab):
    """The page on which somebody of the team has a conversation before them."""

    def __init__(self, user: Any, session: str) -> None:
        self.user = user
        self.frames = []
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}".encode()
        self._communicator = WebsocketCommunicator(
            StaffConsumer.as_asgi(), "/ws/staff/", headers=[(b"cookie", cookie)], subprotocols=["joblynk.v1"]
        )

    async def look_at(self, conversation: str, last_seq: int = 0) -> None:
        ticket = tickets.issue(self.user.pk, uuid.UUID(conversation))
        await self.send("hello", ticket=ticket, last_seq=last_seq)
        await self.until("welcome")

    async def reply(self, text: str) -> None:
        await self.send("message.send", client_message_id=uuid.uuid4(), text=text)
        await self.until("message.ack")


OpenStaff = Callable[..., Awaitable[StaffTab]]


@pytest_asyncio.fixture
async def open_staff(desk: Desk) -> AsyncIterator[OpenStaff]:
    tabs: list[StaffTab] = []

    def signed_in(name: str, group: str) -> StaffTab:
        user = get_user_model().objects.create_user(name.lower(), first_name=name, is_staff=True)
        if group:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
        client = Client()
        client.force_login(user)
        return StaffTab(user, client.cookies[settings.SESSION_COOKIE_NAME].value)

    async def open_one(name: str = "Mira", group: str = "Agents") -> StaffTab:
        tabs.append(await sync_to_async(signed_in)(name, group))
        await tabs[-1].connect()
        return tabs[-1]

    yield open_one
    for tab in tabs:
        await tab.close()


@pytest.fixture(autouse=True)
def groups(transactional_db: None) -> None:
    """Tests that truncate tables take the groups away, and `migrate` made them but once."""
    from django.apps import apps

    from chat.staff import roles

    roles.create_groups(sender=apps.get_app_config("chat"), using="default")


async def test_a_person_takes_over_answers_and_gives_back(
    open_tab: OpenTab, open_staff: OpenStaff, script: Script
) -> None:
    customer = await open_tab()
    conversation = (await customer.hello())["conversation"]
    await customer.ask("My invoice is wrong")
    await customer.answer()
    await customer.send("handoff.request", client_action_id=uuid.uuid4())
    await customer.until("conversation.updated", status="waiting")

    mira = await open_staff("Mira")
    await mira.look_at(conversation)
    await mira.send("staff.takeover")
    assert (await customer.until("conversation.updated", status="human"))["assignee"] == "Mira"
    assert "Mira has joined" in (await customer.until("message.created"))["message"]["text"]

    await mira.send("typing", on=True)
    assert (await customer.until("typing"))["author"] == "Mira"
    await mira.reply("Let me **look**.")
    message = (await customer.until("message.created"))["message"]
    assert (message["role"], message["author"]) == ("staff", "Mira")
    assert "<strong>look</strong>" in message["html"]

    turns = len(script.turns)
    await customer.ask("Thanks, it is number 12")
    heard = await mira.until("message.created")
    while heard["message"]["role"] != "user" or "number 12" not in heard["message"]["text"]:
        heard = await mira.until("message.created")
    await customer.send("typing", on=True)
    assert "author" not in await mira.until("typing")
    assert len(script.turns) == turns

    await mira.send("staff.release")
    await customer.until("conversation.updated", status="bot")
    assert "The assistant answers again" in (await customer.until("message.created"))["message"]["text"]
    await customer.ask("And the next one?")
    await customer.answer()
    assert "Let me **look**." in [exchange.answer for exchange in script.turns[-1].history]


async def test_of_two_who_take_over_one_wins_and_the_other_learns_who(
    open_tab: OpenTab, open_staff: OpenStaff
) -> None:
    customer = await open_tab()
    conversation = (await customer.hello())["conversation"]
    mira, omar = await open_staff("Mira"), await open_staff("Omar")
    for tab in (mira, omar):
        await tab.look_at(conversation)
        await tab.send("staff.takeover", from_colleague=True)  # which agents may not
    await mira.until("conversation.updated", status="human")
    assert (await omar.until("error"))["text"] == "Mira is answering this conversation."
    await omar.send("message.send", client_message_id=uuid.uuid4(), text="Me too")
    assert (await omar.until("error"))["code"] == "not_yours"

    boss = await open_staff("Ida", "Supervisors")
    await boss.look_at(conversation)
    await boss.send("staff.takeover", from_colleague=True)
    assert (await boss.until("conversation.updated", assignee="Ida"))["status"] == "human"


async def test_an_answer_that_was_being_written_is_never_heard_of_again(
    open_tab: OpenTab, open_staff: OpenStaff, script: Script
) -> None:
    customer = await open_tab()
    conversation = (await customer.hello())["conversation"]
    script.hold(1)
    await customer.ask("How much is Team?")
    await customer.until("answer.delta")
    mira = await open_staff()
    await mira.look_at(conversation)
    await mira.send("staff.takeover")
    await customer.until("message.removed")
    await customer.until("conversation.updated", status="human")
    await mira.send("staff.release")  # raises the epoch again: an old answer must not slip in behind
    script.release()
    await customer.until("conversation.updated", status="bot")
    await customer.ask("Still there?")
    await customer.answer()
    answers = [frame for frame in customer.durable() if frame["type"] == "message.created"]
    assert [m["message"]["role"] for m in answers if m["message"]["role"] in ("user", "assistant")] == [
        *("user", "user", "assistant")
    ]
    assert script.closed == len(script.turns)


async def test_two_failed_turns_bring_a_person_and_one_does_not(open_tab: OpenTab, script: Script) -> None:
    tab = await open_tab()
    await tab.hello()
    script.error = RuntimeError("broken")
    script.pieces = []
    await tab.ask("First")
    await tab.until("answer.failed")
    await tab.ask("Second")
    await tab.until("answer.failed")
    await tab.until("conversation.updated", status="waiting")
    assert "We've asked the team" in (await tab.until("message.created"))["message"]["text"]
    assert sum(frame["type"] == "conversation.updated" for frame in tab.frames) == 1


async def test_a_person_closes_a_conversation_and_every_step_is_in_the_audit_log(
    open_tab: OpenTab, open_staff: OpenStaff
) -> None:
    customer = await open_tab()
    conversation = (await customer.hello())["conversation"]
    mira = await open_staff()
    await mira.look_at(conversation)
    for step in ("staff.takeover", "staff.release", "staff.takeover", "staff.resolve"):
        await mira.send(step)
    await customer.until("conversation.updated", status="resolved")
    rows = AuditEntry.objects.order_by("id").values_list("action", "actor_name")
    steps = [row async for row in rows]
    assert steps == [(step, "Mira") for step in ("takeover", "release", "takeover", "resolve")]
    row = await sync_to_async(Conversation.objects.get)(id=conversation)
    assert (row.epoch, row.assignee_id) == (4, None)


async def test_who_waits_is_assigned_and_who_is_answered_is_handed_on(
    open_tab: OpenTab, open_staff: OpenStaff
) -> None:
    customer = await open_tab()
    conversation = (await customer.hello())["conversation"]
    mira, omar, ida = await open_staff("Mira"), await open_staff("Omar"), await open_staff("Ida")
    for tab in (mira, omar, ida):
        await tab.look_at(conversation)
    await mira.send("staff.assign", to=mira.user.pk)
    assert (await mira.until("error"))["code"] == "unavailable"  # the assistant answers
    await customer.send("handoff.request", client_action_id=uuid.uuid4())
    await mira.until("conversation.updated", status="waiting")

    def shown(state: str, reader: StaffTab) -> int:
        return len(listing.page(listing.Wanted(state=state), reader.user.pk).lines)

    assert await sync_to_async(shown)("unassigned", omar) == 1
    stranger = await sync_to_async(get_user_model().objects.create_user)("nobody", is_staff=True)
    await mira.send("staff.assign", to=stranger.pk)
    assert (await mira.until("error"))["code"] == "unavailable"
    await mira.send("staff.assign", to=omar.user.pk)
    await omar.until("team.changed")
    found = [await sync_to_async(shown)(state, omar) for state in ("unassigned", "mine", "waiting")]
    assert found == [0, 1, 1]

    await omar.send("staff.takeover")
    await customer.until("conversation.updated", status="human", assignee="Omar")
    await ida.send("staff.assign", to=ida.user.pk)
    assert (await ida.until("error"))["text"] == "Omar is answering this conversation."
    await omar.send("staff.assign", to=ida.user.pk)
    await customer.until("conversation.updated", status="human", assignee="Ida")
    told = (await customer.until("message.created"))["message"]["text"]
    assert told == "Ida answers from here on."
    await ida.reply("Hello")
    assert all("nobody" not in json.dumps(frame) for frame in customer.frames)


async def test_a_note_is_read_by_the_team_and_reaches_no_customer(
    open_tab: OpenTab, open_staff: OpenStaff, script: Script
) -> None:
    customer = await open_tab()
    conversation = (await customer.hello())["conversation"]
    await customer.ask("My invoice is wrong")
    await customer.answer()
    mira, omar = await open_staff("Mira"), await open_staff("Omar")
    for tab in (mira, omar):
        await tab.look_at(conversation)
    note = {"client_action_id": uuid.uuid4(), "text": "Kanarienvogel <b>knows</b>"}
    for _ in range(2):
        await mira.send("staff.note", **note)
        heard = await omar.until("team.changed", client_action_id=note["client_action_id"])
        assert "Kanarienvogel" not in json.dumps(heard)
    assert await Note.objects.acount() == 1
    await mira.send("staff.note", client_action_id=uuid.uuid4(), text=" ")
    assert (await mira.until("error"))["code"] == "bad_request"

    def page(name: str) -> str:
        client = Client()
        client.force_login(get_user_model().objects.get(username=name))
        return client.get(f"/admin/chat/conversation/{conversation}/change/").content.decode()

    assert "Kanarienvogel &lt;b&gt;knows&lt;/b&gt;" in await sync_to_async(page)("omar")
    await customer.ask("Anything new?")
    await customer.answer()
    again = await open_tab()
    await again.hello()
    key = uuid.UUID(conversation)
    seen = [
        *(customer.frames, again.frames, script.turns),
        await sync_to_async(transcripts.snapshot)("a" * 32, key),
        await sync_to_async(export)(key),
    ]
    assert "Kanarienvogel" not in repr(seen)
    assert "invoice is wrong" in repr(seen[-1])


async def test_a_demotion_counts_from_the_next_frame_on_and_without_one(
    open_tab: OpenTab, open_staff: OpenStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "LOOK_EVERY", 0.05)
    customer = await open_tab()
    conversation = (await customer.hello())["conversation"]
    mira, omar = await open_staff("Mira"), await open_staff("Omar")
    for tab in (mira, omar):
        await tab.look_at(conversation)
    await sync_to_async(mira.user.groups.clear)()
    assert (await mira.until("closed"))["code"] == 4401
    monkeypatch.setattr(consumer, "LOOK_EVERY", 1_000.0)
    await sync_to_async(omar.user.groups.clear)()
    await omar.send("staff.takeover")
    assert (await omar.until("closed"))["code"] == 4401
    assert (await sync_to_async(Conversation.objects.get)(id=conversation)).status == "bot"


async def test_who_may_not_read_conversations_gets_no_socket_and_no_ticket_of_others_counts(
    open_tab: OpenTab, open_staff: OpenStaff
) -> None:
    customer = await open_tab()
    conversation = uuid.UUID((await customer.hello())["conversation"])
    stranger = await open_staff("Nobody", "")
    assert (await stranger.until("closed"))["code"] == 4401
    mira, omar = await open_staff("Mira"), await open_staff("Omar")
    for ticket in (tickets.issue(mira.user.pk, conversation), "", "forged", f"{omar.user.pk}.{conversation}"):
        await omar.send("hello", ticket=ticket)
        assert (await omar.until("error"))["code"] == "not_found"


async def test_who_may_only_read_conversations_changes_nothing_in_them(
    open_tab: OpenTab, open_staff: OpenStaff
) -> None:
    conversation = (await (await open_tab()).hello())["conversation"]
    readers = await Group.objects.acreate(name="Readers")
    await readers.permissions.aadd(await Permission.objects.aget(codename="view_conversation"))
    reader = await open_staff("Rita", "Readers")
    await reader.look_at(conversation)
    examples = json.loads((Path(settings.BASE_DIR) / "docs" / "protocol-examples.json").read_text("utf-8"))
    for kind, frame in examples["staff"].items():
        if kind not in ("hello", "ping"):
            await reader.send_raw(json.dumps(frame))
            assert (await reader.until("error"))["code"] == "unavailable", kind
    row = await Conversation.objects.aget()
    assert (row.status, row.last_seq, row.assignee) == ("bot", 0, None)
    assert not await Message.objects.aexists()
    assert not await Note.objects.aexists()


async def test_the_same_reply_again_is_stored_once_and_markup_in_it_is_text(
    open_tab: OpenTab, open_staff: OpenStaff
) -> None:
    customer = await open_tab()
    conversation = (await customer.hello())["conversation"]
    mira = await open_staff()
    await mira.look_at(conversation)
    await mira.send("staff.takeover")
    frame = {"client_message_id": uuid.uuid4(), "text": "<img src=x onerror=alert(1)> https://a.example/b"}
    for _ in range(2):
        await mira.send("message.send", **frame)
        await mira.until("message.ack")
    message = await Message.objects.aget(role="staff")
    assert "<img" not in message.html
    assert json.dumps(frame["text"])
    await mira.send("message.send", client_message_id=frame["client_message_id"], text="Other")
    assert (await mira.until("error"))["code"] == "conflict"


async def test_what_a_customer_who_has_gone_did_not_see_goes_by_mail_and_what_they_saw_does_not(
    open_tab: OpenTab, open_staff: OpenStaff, settings: Settings, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    settings.REPLY_MAIL_SECONDS = 0
    customer = await open_tab()
    conversation = (await customer.hello())["conversation"]
    await customer.send("handoff.request", client_action_id=uuid.uuid4(), email="ada@mail.example")
    await customer.until("conversation.updated", status="waiting")
    mira = await open_staff()
    await mira.look_at(conversation)
    await mira.send("staff.takeover")
    await mira.reply("Are you there?")
    seq = (await customer.until("message.created", seq=5))["seq"]
    await customer.send("read", up_to_seq=seq)
    await customer.send("ping", t=1)
    await customer.until("pong")
    await sync_to_async(tasks.send_due)()
    assert mailoutbox == []
    await customer.close()
    await mira.reply("It was <b>the</b> invoice of May.")
    await mira.reply("It is paid.")
    await sync_to_async(tasks.send_due)()
    await sync_to_async(tasks.send_due)()
    (mail,) = mailoutbox
    assert mail.to == ["ada@mail.example"]
    assert mail.subject == f"Mira of {settings.SITE_NAME} answered you"
    assert "It was <b>the</b> invoice of May.\n\nIt is paid." in mail.body
    assert "&lt;b&gt;the&lt;/b&gt;" in str(mail.alternatives[0][0])


def test_every_frame_of_the_team_has_an_example_that_is_understood() -> None:
    text = (Path(settings.BASE_DIR) / "docs" / "protocol-examples.json").read_text(encoding="utf-8")
    examples = json.loads(text)["staff"]
    assert set(examples) == set(commands._READERS)
    for frame in examples.values():
        assert protocol.parse_staff(json.dumps(frame)) is not None


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-11-20T16:59:00+00:00", "Keep this page open"),  # a Friday, 17:59 in Berlin
        ("2026-11-20T17:00:00+00:00", "next on Monday at 9:00"),
        ("2026-11-22T12:00:00+00:00", "next tomorrow at 9:00"),
        ("2026-11-23T07:59:00+00:00", "next today at 9:00"),
        ("2026-11-23T08:00:00+00:00", "Keep this page open"),
    ],
)
def test_out_of_hours_a_customer_is_told_when_somebody_is_back(
    at: str, words: str, settings: Settings
) -> None:
    settings.OFFICE_TIMES, settings.OFFICE_TIME_ZONE = "mon-fri 09:00-18:00", "Europe/Berlin"
    assert words in office.waiting_words("", datetime.fromisoformat(at))
    assert "goes to ada@mail.example" in office.waiting_words("ada@mail.example", datetime.fromisoformat(at))
    settings.OFFICE_TIMES = ""
    assert "Keep this page open" in office.waiting_words("", datetime.fromisoformat(at))


@pytest.mark.parametrize(
    "times", ["mon-fri", "09:00-18:00", "fri-mon 09:00-18:00", "mon 18:00-09:00", "mon 9-18"]
)
def test_office_times_that_cannot_be_read_stop_the_site_with_the_remedy(
    times: str, settings: Settings
) -> None:
    settings.OFFICE_TIMES = times
    (error,) = check_office(None)
    assert error.id == "chat.E001"
    assert "mon-fri 09:00-18:00" in str(error.hint)
    settings.OFFICE_TIMES, settings.OFFICE_TIME_ZONE = "mon 09:00-18:00", "Berlin"
    assert [error.id for error in check_office(None)] == ["chat.E002"]
