"""A deployment: each web process is asked to end and started again while customers are being answered."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from benchmarks.client import Asked, Customer, until
from joblynk.testing.fake_groq import FakeGroq, numbered, stream
from joblynk.testing.servers import Redis
from joblynk.testing.sites import Site, Sites

QUESTION = "Which payment methods do you accept, and when is an invoice issued?"
ANSWER = numbered(150)
CHATS = 50
RESTART = 1012
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as groq:
        groq.play(stream(ANSWER, per_second=60))
        yield groq


@pytest.fixture
def pair(sites: Sites, start_redis: Callable[[], Redis], groq: FakeGroq) -> tuple[Site, Site]:
    """The two servers that can be chosen, on one database."""
    env = {
        "REDIS_URL": start_redis().url,
        "WEB_CONCURRENCY": "2",
        "GROQ_API_KEY": "gsk_for_a_restart",
        "GROQ_BASE_URL": groq.base_url,
        "CHAT_MESSAGES_PER_MINUTE": "0",
    }
    one = sites.start("daphne", "demo", env=env)
    return one, sites.adopt(one.beside("uvicorn")).start()


def _under_way(asked: Sequence[Asked]) -> bool:
    return all(len(one.streamed) > 20 for one in asked)


async def moved(customer: Customer, to: Site) -> int:
    """What the page does when its server says goodbye; returns the code it said it with."""
    code = await asyncio.wait_for(asyncio.shield(customer.socket.closed), 30)
    await customer.connect(to.socket_url)
    return code


async def insist(customer: Customer) -> None:
    """Go on asking when the server has said goodbye, as a page does that has not read it yet."""
    goodbye: list[int] = []
    customer.socket._end = goodbye.append  # type: ignore[method-assign,assignment]
    await until(lambda: goodbye)
    customer.begin("Is it too late?")


async def test_a_rolling_restart_under_fifty_chats_loses_nothing(pair: tuple[Site, Site]) -> None:
    one, two = pair
    customers = [Customer((one, two)[number % 2].socket_url) for number in range(CHATS)]
    await asyncio.gather(*(customer.connect() for customer in customers))
    for ending, other in ((one, two), (two, one)):
        asked = [customer.begin(QUESTION) for customer in customers]
        await until(partial(_under_way, asked), 30)
        served = [customer for customer in customers if customer.url == ending.socket_url]
        assert len(served) >= CHATS / 2
        going = [asyncio.create_task(moved(customer, other)) for customer in served]
        deaf = await Customer(ending.socket_url).connect()
        going_on = asyncio.create_task(insist(deaf))
        code = await asyncio.to_thread(ending.web.stop, signal.SIGTERM, 60)
        assert code in (0, -signal.SIGTERM)  # uvicorn passes the signal on when it has done what it has to
        assert set(await asyncio.gather(*going)) == {RESTART}
        await going_on
        assert (await Customer(other.socket_url, deaf.visitor).connect()).events == {}  # no new turn began
        assert [await finished(one) for one in asked] == ["".join(ANSWER)] * CHATS
        await asyncio.to_thread(ending.start)
    assert [customer.faults for customer in customers] == [[]] * CHATS
    assert "Traceback" not in one.log() + two.log()
    for customer in customers:
        customer.socket.abort()


async def finished(asked: Asked) -> str:
    await asyncio.wait_for(asked.done.wait(), 60)
    return str(asked.message["text"])
