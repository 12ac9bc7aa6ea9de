"""Answers of one conversation are written one after the other, whichever process writes them."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from django.utils import timezone

from benchmarks.client import until
from chat import transcripts, wiring
from chat.desk import Desk
from chat.models import Conversation, Message
from chat.tests.conftest import Script
from chat.transcripts import Accepted, NewQuestion

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture
async def elsewhere(desk: Desk) -> AsyncIterator[tuple[Desk, Script]]:
    """The desk of another process: it knows of the first one's answers only what the database says."""
    script = Script()
    other = wiring.build(script)
    yield other, script
    await other.aclose()


async def a_conversation() -> uuid.UUID:
    now = timezone.now()
    return (await Conversation.objects.acreate(visitor="a" * 32, created_at=now, updated_at=now)).id


async def test_an_answer_waits_for_the_one_before_it_in_another_process_and_knows_it(
    desk: Desk, script: Script, elsewhere: tuple[Desk, Script]
) -> None:
    other, its_script = elsewhere
    conversation = await a_conversation()
    script.pieces = ["The first answer."]
    script.hold(0)
    await desk.turns.ask(conversation, uuid.uuid4(), "One")
    await until(lambda: script.turns)
    waiting = [
        await one.turns.ask(conversation, uuid.uuid4(), text)
        for one, text in ((other, "Two"), (desk, "Three"))
    ]
    assert [isinstance(one, Accepted) and one.waits for one in waiting] == [True, True]
    assert its_script.turns == []

    script.release()
    await until(lambda: not len(desk.turns) and not len(other.turns))
    assert [turn.question for turn in script.turns] == ["One", "Three"]
    assert [exchange.answer for exchange in its_script.turns[0].history] == ["The first answer."]
    assert [exchange.question for exchange in script.turns[1].history] == ["One", "Two"]
    assert (await Conversation.objects.aget()).open_answers == 0


async def test_an_answer_whose_process_was_killed_holds_the_next_one_up_no_longer_than_its_lease(
    elsewhere: tuple[Desk, Script],
) -> None:
    desk, script = elsewhere
    conversation = await a_conversation()
    now = timezone.now()
    killed = NewQuestion(conversation, uuid.uuid4(), "One", "a process that was killed", now, now)
    await desk.write(lambda: transcripts.add_questions([killed]))
    await desk.turns.ask(conversation, uuid.uuid4(), "Two")
    await until(lambda: (run := desk.turns.running(conversation)) and run.stage == "queued")
    assert script.turns == []
    await desk.turns.recover()
    await until(lambda: not len(desk.turns))
    assert [turn.question for turn in script.turns] == ["Two"]
    assert not await Message.objects.filter(pending=True).aexists()
