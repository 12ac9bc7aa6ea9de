"""Two web processes on one database and one Redis: a customer notices nothing of it."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from benchmarks.client import Asked, Customer, until
from joblynk.testing.fake_groq import FakeGroq, numbered, stream
from joblynk.testing.servers import Redis
from joblynk.testing.sites import Site, Sites

QUESTION = "Which payment methods do you accept, and when is an invoice issued?"
LONG = numbered(150)
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as groq:
        yield groq


@pytest.fixture
def pair(
    sites: Sites, start_redis: Callable[[], Redis], groq: FakeGroq
) -> Iterator[tuple[Site, Site, Redis]]:
    redis = start_redis()
    env = {
        "REDIS_URL": redis.url,
        "WEB_CONCURRENCY": "2",
        "GROQ_API_KEY": "gsk_for_two_processes",
        "GROQ_BASE_URL": groq.base_url,
        "CHAT_MESSAGES_PER_MINUTE": "0",
    }
    one = sites.start("uvicorn", "demo", env=env)
    two = sites.adopt(one.beside("daphne")).start()
    yield one, two, redis


async def some_text(asked: Asked) -> None:
    await until(lambda: len(asked.streamed) >= 20)


async def finished(asked: Asked) -> str:
    async with asyncio.timeout(30):
        await asked.done.wait()
    return str(asked.message["text"])


async def test_an_answer_goes_on_in_another_process_word_for_word(
    pair: tuple[Site, Site, Redis], groq: FakeGroq
) -> None:
    one, two, redis = pair
    groq.play(stream(LONG, per_second=60))
    customer = await Customer(one.socket_url).connect()
    asked = customer.begin(QUESTION)
    await some_text(asked)
    customer.socket.abort()
    await customer.connect(two.socket_url)
    before = len(asked.streamed)
    await until(lambda: len(asked.streamed) > before)  # the other process tells how far it is
    assert not asked.done.is_set()
    assert await finished(asked) == "".join(LONG)
    assert customer.faults == []

    # Stop, from a process that does not write the answer.
    groq.play(stream(numbered(3_000), per_second=60))
    asked = customer.begin(QUESTION)
    await some_text(asked)
    beside = await Customer(one.socket_url, customer.visitor).connect()
    beside.send("answer.stop", client_message_id=asked.client_message_id)
    text = await finished(asked)
    assert asked.message["finish"] == "stopped"
    assert "".join(numbered(3_000)).startswith(text)
    assert await asyncio.to_thread(groq.abandoned.get, True, 5)

    # A Redis that is gone costs nothing but time: the pulse looks into the database.
    redis.stop()
    groq.play(stream(LONG, per_second=300))
    asked = customer.begin(QUESTION)
    assert await finished(asked) == "".join(LONG)
    await until(lambda: beside.seq == customer.seq, 25)
    assert beside.events == customer.events
    assert customer.faults == beside.faults == []
    for tab in (customer, beside):
        tab.socket.abort()
