"""A worker's news reaches a page that another process serves."""

import asyncio
import uuid

import pytest
from pytest_django.fixtures import Settings

from chat import doorbell
from chat.tests.test_live import OTHER, Log, Page

PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"


async def test_a_ring_from_a_worker_reaches_the_open_page(settings: Settings, redis_url: str) -> None:
    prefix = f"doorbell-{uuid.uuid4().hex}"
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": PUBSUB, "CONFIG": {"hosts": [redis_url], "prefix": prefix}}
    }
    log, page = Log(), Page()
    live = log.live()
    await live.start()
    await live.join(OTHER, page)
    try:
        for number in (1, 2):
            events = log.store(OTHER)
            async with asyncio.timeout(30):
                while page.seq < number:  # a ring may be lost while the subscription is being made
                    await asyncio.to_thread(doorbell.ring, events)
                    await asyncio.sleep(0.05)
        assert page.seen == [1, 2]
    finally:
        await asyncio.to_thread(doorbell._runner().close)
        doorbell._runner.cache_clear()
        await live.aclose()


def test_nobody_to_ring_for_is_no_error(settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {}
    doorbell.ring(Log().store(OTHER))


@pytest.mark.timeout(30)
def test_a_layer_that_is_away_is_no_error(settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": PUBSUB, "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]}}}
    doorbell.ring(Log().store(OTHER))
    doorbell._runner().close()
    doorbell._runner.cache_clear()
