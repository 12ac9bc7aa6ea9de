"""Three web processes of both kinds and two workers, on a real PostgreSQL and a real Redis."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from benchmarks.client import Asked, Customer, until
from joblynk.testing.fake_groq import FakeGroq, numbered, stream
from joblynk.testing.servers import Redis
from joblynk.testing.sites import Site, Sites

QUESTION = "Which payment methods do you accept, and when is an invoice issued?"
LONG = numbered(200)
pytestmark = [pytest.mark.timeout(300), pytest.mark.chaos]


@dataclass
class Cluster:
    webs: list[Site]
    groq: FakeGroq
    redis: Redis


@pytest.fixture
def cluster(sites: Sites, postgres_url: str, start_redis: Callable[[], Redis]) -> Iterator[Cluster]:
    redis = start_redis()
    with FakeGroq() as groq:
        env = {
            "REDIS_URL": redis.url,
            "WEB_CONCURRENCY": "3",
            "GROQ_API_KEY": "gsk_for_many_processes",
            "GROQ_BASE_URL": groq.base_url,
            "CHAT_MESSAGES_PER_MINUTE": "30",
        }
        one = sites.start("daphne", "demo", postgres_url, env)
        others = [sites.adopt(one.beside("daphne")).start() for _ in range(2)]
        for _ in range(2):
            one.start_worker()
        yield Cluster([one, *others], groq, redis)


async def finished(asked: Asked) -> str:
    await asyncio.wait_for(asked.done.wait(), 90)
    return str(asked.message["text"])


async def test_three_processes_and_two_workers_are_one_site(cluster: Cluster) -> None:
    one, two, three = cluster.webs

    # A reload in mid-answer that another process serves.
    cluster.groq.play(stream(LONG, per_second=60))
    customer = await Customer(one.socket_url).connect()
    asked = customer.begin(QUESTION)
    await until(lambda: len(asked.streamed) >= 20)
    customer.socket.abort()
    await customer.connect(two.socket_url)
    assert await finished(asked) == "".join(LONG)
    elsewhere = await Customer(three.socket_url, customer.visitor).connect()
    assert elsewhere.events == customer.events

    # The limit of one visitor holds over all of them.
    tabs = [await Customer(web.socket_url, "c" * 32).connect() for web in cluster.webs]
    cluster.groq.play(stream(("Yes. [1]",), per_second=0))
    for number in range(45):
        tabs[number % 3].send(
            "message.send", client_message_id=f"00000000-0000-4000-8000-{number:012}", text=QUESTION
        )
    for tab in tabs:
        await tab.ping()
    refused = sum(frame["type"] == "rate.limited" for tab in tabs for frame in tab.others)
    assert 5 <= refused <= 15  # 30 of 45 pass, and one more every two seconds that this takes

    for tab in (*tabs, customer, elsewhere):
        assert tab.faults == []
        tab.socket.abort()
