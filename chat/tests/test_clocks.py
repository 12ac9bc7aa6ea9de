"""Hosts whose clocks disagree by hours, and clocks that are put right while the site runs."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from redis.asyncio import Redis

from chat import transcripts
from chat.desk import Desk
from chat.models import Digest, Message
from chat.shared_throttle import SharedThrottle
from chat.tests.conftest import Script, Tab
from chat.throttles import LocalThrottle, Rates
from chat.transcripts import digests
from chat.turns import LEASE

pytestmark = pytest.mark.django_db(transaction=True)
OpenTab = Callable[..., Awaitable[Tab]]


def abandoned(lease: timedelta = LEASE) -> Awaitable[list[transcripts.Pending]]:
    return sync_to_async(transcripts.abandoned_answers)(lease)


@pytest.mark.parametrize("hours", [-2, 2])
async def test_an_answer_is_neither_given_up_nor_kept_for_ever_when_its_host_s_clock_is_wrong(
    hours: int, open_tab: OpenTab, desk: Desk, script: Script
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
    assert await abandoned() == []
    script.release()
    assert (await tab.answer())["text"] == "Hello there."


async def left_behind(tab: Tab, host: timedelta = timedelta(0)) -> None:
    """A question whose process died at once, on a host whose clock is `host` ahead."""
    conversation = uuid.UUID((await tab.hello())["conversation"])
    there = timezone.now() + host
    lease = timedelta(seconds=0.2)
    item = transcripts.NewQuestion(conversation, uuid.uuid4(), "Left", "dead", there, there + lease)
    await sync_to_async(transcripts.add_questions)([item])


@pytest.mark.parametrize("hours", [-2, 2])
async def test_what_a_dead_host_left_behind_is_closed_in_time_whatever_its_clock_said(
    hours: int, open_tab: OpenTab, desk: Desk
) -> None:
    tab = await open_tab()
    await left_behind(tab, timedelta(hours=hours))
    while not await abandoned():  # noqa: ASYNC110  (another clock decides)
        await asyncio.sleep(0.05)
    await desk.turns.recover()
    assert (await tab.until("answer.failed"))["code"] == "interrupted"


async def test_what_a_dead_process_left_behind_is_closed_in_time_when_the_clock_was_put_back(
    open_tab: OpenTab, desk: Desk
) -> None:
    tab = await open_tab()
    await left_behind(tab)
    until = timezone.now() + timedelta(hours=2)
    await Message.objects.filter(pending=True).aupdate(lease_until=until)
    lease = timedelta(seconds=0.2)
    assert await abandoned(lease) == []  # its owner may be alive, and has a lease's time to say so
    while not await abandoned(lease):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def test_staff_find_what_was_said_after_the_clock_was_put_back(open_tab: OpenTab, desk: Desk) -> None:
    ahead = await open_tab()
    await ahead.hello()
    desk.turns._now = lambda: timezone.now() + timedelta(hours=2)
    await ahead.ask("How do I begin?")
    await ahead.answer()
    await sync_to_async(digests.catch_up)(10)
    desk.turns._now = timezone.now
    right = await open_tab("b" * 32)
    conversation = (await right.hello())["conversation"]
    await right.ask("How do I begin?")
    await right.answer()
    await sync_to_async(digests.catch_up)(10)
    assert await Digest.objects.filter(conversation=conversation).aexists()


async def test_nobody_waits_for_hours_after_the_clock_of_redis_was_put_back(redis_url: str) -> None:
    rates = Rates(visitor=2)
    throttle = SharedThrottle(redis_url, uuid.uuid4().hex, rates, LocalThrottle(rates, lambda: 0.0))
    try:
        assert await throttle.take("ada", "") is None
        async with Redis.from_url(redis_url) as redis:
            key = f"{throttle._prefix}:limit:visitor:ada"
            await redis.set(key, int(await redis.get(key)) + 7_200_000_000)
        assert await throttle.take("ada", "") is None
        assert await throttle.take("ada", "") is None
        assert (wait := await throttle.take("ada", "")) is not None
        assert wait.seconds <= 60
    finally:
        await throttle.aclose()
