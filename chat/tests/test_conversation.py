"""A conversation over the socket: asked, answered, stopped, retried, resumed."""

import asyncio
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.utils import timezone

from chat import transcripts
from chat.desk import Desk
from chat.models import Conversation, Event, Message
from chat.tests.conftest import Script, Tab
from chat.throttles import LocalThrottle, Rates

OpenTab = Callable[..., Awaitable[Tab]]
pytestmark = pytest.mark.django_db(transaction=True)


def stored_events(conversation: str) -> list[tuple[int, str]]:
    return list(Event.objects.filter(conversation_id=uuid.UUID(conversation)).values_list("seq", "type"))


async def test_a_question_is_acked_and_its_answer_arrives_in_pieces_and_whole(open_tab: OpenTab) -> None:
    tab = await open_tab()
    welcome = await tab.hello()
    ack = await tab.ask("How do I begin?")
    answer = await tab.answer()
    assert ack["seq"] == 1
    assert answer["text"] == "Hello there."
    assert answer["html"] == "<p>Hello there.</p>"
    assert answer["finish"] == "stop"
    deltas = "".join(f["text"] for f in tab.frames if f["type"] == "answer.delta")
    assert deltas == "Hello there."
    stored = await sync_to_async(stored_events)(welcome["conversation"])
    assert stored == [(1, "message.created"), (2, "answer.started"), (3, "message.created")]
    assert [(e["seq"], e["type"]) for e in tab.durable()] == stored


async def test_the_same_frame_again_gets_the_same_ack_and_no_second_answer(
    open_tab: OpenTab, script: Script
) -> None:
    tab = await open_tab()
    await tab.hello()
    key = uuid.uuid4()
    first = await tab.ask("Once?", key)
    await tab.answer()
    assert await tab.ask("Once?", key) == first
    assert len(script.turns) == 1


async def test_the_same_id_with_another_text_is_a_conflict(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.hello()
    key = uuid.uuid4()
    await tab.ask("One thing", key)
    await tab.send("message.send", client_message_id=key, text="Another thing")
    error = await tab.until("error")
    assert (error["code"], error["client_message_id"]) == ("conflict", str(key))


async def test_two_tabs_see_the_same(open_tab: OpenTab) -> None:
    one, two = await open_tab(), await open_tab()
    assert (await one.hello())["conversation"] == (await two.hello())["conversation"]
    await one.ask("Both?")
    await asyncio.gather(one.answer(), two.answer())
    assert one.durable() == two.durable()


async def test_stop_before_the_first_token_keeps_the_question(open_tab: OpenTab, script: Script) -> None:
    script.hold(after=0)
    tab = await open_tab()
    await tab.hello()
    await tab.ask("Never mind")
    await tab.until("answer.stage", stage="searching")
    started = next(e for e in tab.durable() if e["type"] == "answer.started")
    await tab.send("answer.stop", message_id=started["message_id"])
    answer = await tab.answer()
    assert (answer["finish"], answer["text"]) == ("stopped", "")
    assert script.closed == 1
    assert await Message.objects.filter(text="Never mind").aexists()


async def test_stop_after_some_text_keeps_that_text(open_tab: OpenTab, script: Script) -> None:
    tab = await open_tab()
    await tab.hello()
    key = uuid.uuid4()
    script.hold(after=1)
    await tab.ask("Long story", key)
    await tab.until("answer.delta")
    await tab.send("answer.stop", client_message_id=key)
    answer = await tab.answer()
    assert answer["finish"] == "stopped"
    assert answer["text"] == "Hello "


async def test_somebody_elses_answer_cannot_be_stopped(open_tab: OpenTab, script: Script) -> None:
    script.hold(after=0)
    mine, other = await open_tab(), await open_tab("b" * 32)
    await mine.hello()
    await other.hello()
    await mine.ask("Mine")
    started = next(e for e in mine.durable() if e["type"] == "answer.started")
    await other.send("answer.stop", message_id=started["message_id"])
    await other.send("ping", t=1)
    await other.until("pong")
    script.release()
    assert (await mine.answer())["finish"] == "stop"


async def test_a_reload_in_mid_answer_shows_the_text_so_far_and_then_the_rest(
    open_tab: OpenTab, script: Script
) -> None:
    tab = await open_tab()
    await tab.hello()
    script.hold(after=1)
    await tab.ask("Reload me")
    await tab.until("answer.delta")
    await tab.close()
    again = await open_tab()
    welcome = await again.hello()
    assert welcome["running"]["text"] == "Hello "
    script.release()
    assert (await again.answer())["text"] == "Hello there."
    assert [e["seq"] for e in again.durable()] == [1, 2, 3]


async def test_an_assistant_that_raises_ends_the_turn_visibly(open_tab: OpenTab, script: Script) -> None:
    script.pieces, script.error = [], RuntimeError("broken")
    tab = await open_tab()
    await tab.hello()
    await tab.ask("Break")
    failed = await tab.until("answer.failed")
    assert (failed["code"], failed["retryable"]) == ("internal", True)
    assert "broken" not in failed["text"]


async def test_an_assistant_that_raises_after_some_text_keeps_it_as_interrupted(
    open_tab: OpenTab, script: Script
) -> None:
    script.error = RuntimeError("broken")
    tab = await open_tab()
    await tab.hello()
    await tab.ask("Break later")
    answer = await tab.answer()
    assert (answer["finish"], answer["text"]) == ("interrupted", "Hello there.")


async def test_a_retry_replaces_the_failed_answer_once(open_tab: OpenTab, script: Script) -> None:
    script.pieces, script.error = [], RuntimeError("broken")
    tab = await open_tab()
    await tab.hello()
    await tab.ask("Again?")
    failed = await tab.until("answer.failed")
    script.pieces, script.error = ["Better."], None
    action = uuid.uuid4()
    for each in (action, action, uuid.uuid4()):  # sent again, and clicked again
        await tab.send("answer.retry", message_id=failed["message_id"], client_action_id=each)
    removed = await tab.until("message.removed")
    assert removed["id"] == failed["message_id"]
    assert (await tab.answer())["text"] == "Better."
    assert script.turns[-1].question == "Again?"
    assert len(script.turns) == 2
    assert "error" not in [frame["type"] for frame in tab.frames]


async def test_questions_in_one_conversation_are_answered_one_after_the_other(
    open_tab: OpenTab, script: Script
) -> None:
    script.hold(after=0)
    tab = await open_tab()
    await tab.hello()
    await tab.ask("First")
    await tab.until("answer.stage", stage="searching")
    await tab.ask("Second")
    await tab.until("answer.stage", stage="queued")
    assert [turn.question for turn in script.turns] == ["First"]
    script.release()
    await tab.answer()
    await tab.answer()
    assert [turn.question for turn in script.turns] == ["First", "Second"]
    assert script.turns[1].history[0].question == "First"


async def test_a_foreign_conversation_id_is_not_found_and_opens_nothing(open_tab: OpenTab) -> None:
    mine, other = await open_tab(), await open_tab("b" * 32)
    conversation = (await mine.hello())["conversation"]
    await other.send("hello", last_seq=0, conversation=conversation)
    assert (await other.until("error"))["code"] == "not_found"
    await other.send("message.send", client_message_id=uuid.uuid4(), text="Let me in")
    assert (await other.until("error"))["code"] == "bad_request"
    assert not await Message.objects.filter(text="Let me in").aexists()


async def test_a_long_backlog_comes_in_pages(open_tab: OpenTab, script: Script) -> None:
    script.pieces = ["x" * 12_000]
    tab = await open_tab()
    await tab.hello()
    for number in range(6):
        await tab.ask(f"Question {number}")
        await tab.answer()
    again = await open_tab()
    welcome = await again.hello()
    assert welcome["more"]
    while welcome["more"]:
        welcome = await again.hello(welcome["events"][-1]["seq"])
    assert [e["seq"] for e in again.durable()] == list(range(1, 19))


async def test_feedback_is_stored_changed_and_taken_back(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.hello()
    await tab.ask("Helpful?")
    answer = await tab.answer()
    for value in (1, -1, 0):
        await tab.send("feedback.set", message_id=answer["id"], value=value, reason="wrong")
        assert (await tab.until("feedback.saved"))["value"] == value
    message = await Message.objects.aget(id=answer["id"])
    assert not await sync_to_async(hasattr)(message, "feedback")


async def test_asking_for_a_person_waits_and_can_be_withdrawn(open_tab: OpenTab) -> None:
    tab = await open_tab()
    conversation = (await tab.hello())["conversation"]
    await tab.send("handoff.request", client_action_id=uuid.uuid4(), email="ada@example.com")
    assert (await tab.until("conversation.updated"))["status"] == "waiting"
    notice = (await tab.until("message.created"))["message"]
    assert notice["role"] == "system"
    assert "ada@example.com" in notice["text"]
    row = await Conversation.objects.aget(id=conversation)
    assert (row.contact_email, row.epoch) == ("ada@example.com", 1)
    await tab.send("handoff.cancel", client_action_id=uuid.uuid4())
    assert (await tab.until("conversation.updated"))["status"] == "bot"


async def test_two_addresses_are_not_one(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.hello()
    await tab.send("handoff.request", client_action_id=uuid.uuid4(), email="a@example.com, b@example.com")
    assert "e-mail" in (await tab.until("error"))["text"]


async def test_a_new_conversation_closes_the_old_one_once(open_tab: OpenTab) -> None:
    tab = await open_tab()
    old = (await tab.hello())["conversation"]
    await tab.ask("Old")
    await tab.answer()
    await tab.send("conversation.new", client_action_id=uuid.uuid4())
    new = await tab.until("welcome")
    assert new["conversation"] != old
    assert new["events"] == []
    assert (await Conversation.objects.aget(id=old)).status == "resolved"
    await tab.ask("New")
    assert (await tab.answer())["text"] == "Hello there."


def test_tabs_that_open_at_once_share_one_conversation(transactional_db: None) -> None:
    together = threading.Barrier(8)

    def open_one(_: int) -> uuid.UUID | None:
        together.wait()
        try:
            view = transcripts.open_conversation("a" * 32, None, timezone.now(), "", "")
            return view.id if view else None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as tabs:
        assert len(set(tabs.map(open_one, range(8)))) == 1


async def test_satisfaction_is_saved(open_tab: OpenTab) -> None:
    tab = await open_tab()
    conversation = (await tab.hello())["conversation"]
    await tab.send("csat.submit", score=4, comment="good")
    assert (await tab.until("csat.saved"))["score"] == 4
    assert (await Conversation.objects.aget(id=conversation)).csat_score == 4


async def test_too_many_messages_are_refused_with_a_countdown(open_tab: OpenTab, desk: Desk) -> None:
    desk.throttle = LocalThrottle(Rates(visitor=2), time.monotonic)
    tab = await open_tab()
    await tab.hello()
    await tab.ask("One")
    await tab.ask("Two")
    key = uuid.uuid4()
    await tab.send("message.send", client_message_id=key, text="Three")
    limited = await tab.until("rate.limited")
    assert limited["client_message_id"] == str(key)
    assert 0 < limited["retry_after_ms"] <= 30_001
    assert not await Message.objects.filter(text="Three").aexists()


async def test_a_retry_costs_as_much_as_a_question(open_tab: OpenTab, desk: Desk) -> None:
    desk.throttle = LocalThrottle(Rates(visitor=2), time.monotonic)
    tab = await open_tab()
    await tab.hello()
    await tab.ask("One")
    first = await tab.answer()
    await tab.send("answer.retry", message_id=first["id"], client_action_id=uuid.uuid4())
    second = await tab.answer()
    await tab.send("answer.retry", message_id=second["id"], client_action_id=uuid.uuid4())
    assert (await tab.until("rate.limited"))["client_message_id"] is None


async def test_one_visitor_cannot_fill_the_database_with_clicks(open_tab: OpenTab, desk: Desk) -> None:
    desk.allowed.actions._per_minute = 2
    tab = await open_tab()
    await tab.hello()
    for _ in range(3):
        await tab.send("conversation.new", client_action_id=uuid.uuid4())
    await tab.until("rate.limited")
    assert await Conversation.objects.acount() == 3


async def test_a_flood_of_good_frames_closes_the_socket(open_tab: OpenTab, desk: Desk) -> None:
    desk.allowed.frames._per_minute = 5
    tab = await open_tab()
    for _ in range(6):
        await tab.send("ping", received=2**31 - 1)  # whatever it claims to have read
    assert (await tab.until("closed"))["code"] == 4429


async def test_an_answer_whose_process_died_is_closed_as_interrupted(open_tab: OpenTab, desk: Desk) -> None:
    tab = await open_tab()
    conversation = uuid.UUID((await tab.hello())["conversation"])
    past = timezone.now() - timedelta(minutes=1)
    item = transcripts.NewQuestion(conversation, uuid.uuid4(), "Left behind", "dead-process", past, past)
    await sync_to_async(transcripts.add_questions)([item])
    await desk.turns.recover()
    failed = await tab.until("answer.failed")
    assert (failed["code"], failed["retryable"]) == ("interrupted", True)
    assert [e["seq"] for e in tab.durable()] == [1, 2, 3]


async def test_a_person_who_has_taken_over_silences_the_assistant(open_tab: OpenTab, script: Script) -> None:
    script.hold(after=0)
    tab = await open_tab()
    conversation = (await tab.hello())["conversation"]
    await tab.ask("Are you there?")
    await Conversation.objects.filter(id=conversation).aupdate(status="human")
    script.release()
    await tab.until("message.removed")
    await tab.ask("Thank you, Mira")
    assert len(script.turns) == 1
