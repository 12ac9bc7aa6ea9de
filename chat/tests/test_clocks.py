"""Hosts whose clocks disagree by hours."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from chat import transcripts
from chat.desk import Desk
from chat.models import Message
from chat.tests.conftest import Script, Tab
from chat.turns import LEASE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("hours", [-2, 2])
async def test_an_answer_is_neither_given_up_nor_kept_for_ever_when_its_host_s_clock_is_wrong(
    hours: int, open_tab: Callable[..., Awaitable[Tab]], desk: Desk, script: Script
) -> None:
    desk.turns._now = lambda: timezone.now() + timedelta(hours=hours)
    script.hold(1)
    tab = await open_tab()
    await tab.hello()
    await tab.ask("How do I begin?")
    await tab.until("answer.delta")
    await desk.turns.renew()
    answer = await Message.objects.aget(pending=True)
    assert answer.lease_until is not None
    assert timedelta(0) < answer.lease_until - timezone.now() <= LEASE
    assert await sync_to_async(transcripts.abandoned_answers)() == []
    script.release()
    assert (await tab.answer())["text"] == "Hello there."


@pytest.mark.parametrize("hours", [-2, 2])
async def test_what_a_dead_host_left_behind_is_closed_in_time_whatever_its_clock_said(
    hours: int, open_tab: Callable[..., Awaitable[Tab]], desk: Desk
) -> None:
    tab = await open_tab()
    conversation = uuid.UUID((await tab.hello())["conversation"])
    there = timezone.now() + timedelta(hours=hours)
    lease = timedelta(seconds=0.2)
    item = transcripts.NewQuestion(conversation, uuid.uuid4(), "Left", "dead", there, there + lease)
    await sync_to_async(transcripts.add_questions)([item])
    while not await sync_to_async(transcripts.abandoned_answers)():  # noqa: ASYNC110  (another clock decides)
        await asyncio.sleep(0.05)
    await desk.turns.recover()
    assert (await tab.until("answer.failed"))["code"] == "interrupted"
