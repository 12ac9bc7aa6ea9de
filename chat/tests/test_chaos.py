"""Everything a chat stands on taken away while it is used. Each has a short form here and a long one:
`make chaos`; the soak is `make soak`."""

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.client import Asked, Customer, until
from benchmarks.measure import resident
from joblynk.testing.fake_groq import FakeGroq, numbered, stream
from joblynk.testing.fault_proxy import FaultProxy
from joblynk.testing.servers import Postgres, Redis
from joblynk.testing.settings import RUN_DIR
from joblynk.testing.sites import Site, Sites

LONG = os.environ.get("CHAOS") == "1"
SOAK_MINUTES = float(os.environ.get("SOAK", "0"))
QUESTION = "Which payment methods do you accept, and when is an invoice issued?"
ANSWER = numbered(60)
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(7_200 if LONG or SOAK_MINUTES else 300)]


def of(long: int, short: int) -> int:
    return long if LONG else short


@pytest.fixture
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as groq:
        groq.play(stream(ANSWER, per_second=100))
        yield groq


def settings_for(groq: FakeGroq, **env: str) -> dict[str, str]:
    key = {"GROQ_API_KEY": "gsk_for_chaos", "GROQ_BASE_URL": groq.base_url}
    return {**key, "CHAT_MESSAGES_PER_MINUTE": "0", **env}


class Crowd:
    """Customers who ask again and again, reconnect as pages do, and send again what was not confirmed."""

    def __init__(self, urls: list[str], count: int) -> None:
        self.customers = [Customer(urls[number % len(urls)]) for number in range(count)]
        self.acked: set[str] = set()
        self.over = asyncio.Event()

    async def __aenter__(self) -> "Crowd":
        self._tasks = [asyncio.create_task(self._talk(customer)) for customer in self.customers]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Everybody's last answer ends, whichever way."""
        self.over.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks), 120)

    async def _talk(self, customer: Customer) -> None:
        await self._reconnect(customer)
        while not self.over.is_set():
            asked = customer.begin(QUESTION)
            await self._see_through(customer, asked)
            self.acked.add(asked.client_message_id)

    async def _see_through(self, customer: Customer, asked: Asked) -> None:
        done = asyncio.create_task(asked.done.wait())
        while not done.done():
            events: list[asyncio.Future[Any]] = [done, customer.socket.closed]
            await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED, timeout=20)
            if done.done():
                return
            customer.socket.abort()  # closed, or silent for longer than a page waits
            await self._reconnect(customer)
            if not asked.acked:
                customer.send("message.send", client_message_id=asked.client_message_id, text=QUESTION)

    async def _reconnect(self, customer: Customer) -> None:
        while True:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(10):
                    await customer.connect()
                    return
            await asyncio.sleep(0.2)

    @property
    def faults(self) -> list[str]:
        return [fault for customer in self.customers for fault in customer.faults]

    def leave(self) -> None:
        for customer in self.customers:
            customer.socket.abort()


async def test_a_web_process_killed_at_any_moment_loses_nothing_that_it_confirmed(
    sites: Sites, groq: FakeGroq
) -> None:
    site = await asyncio.to_thread(sites.start, "uvicorn", "demo", None, settings_for(groq))
    choose = random.Random(7)  # noqa: S311
    async with Crowd([site.socket_url], of(20, 6)) as crowd:
        for _ in range(of(200, 1)):
            await asyncio.sleep(0.3 + choose.random() * 2)
            site.kill()
            await asyncio.to_thread(site.start)
    with sqlite3.connect(f"file:{site.var_dir / 'joblynk.sqlite3'}?mode=ro", uri=True) as database:
        stored = {row[0] for row in database.execute("SELECT client_message_id FROM chat_message")}
        pending = "SELECT count(*) FROM chat_message WHERE pending"
        await until(lambda: database.execute(pending).fetchone() == (0,), 30)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert crowd.acked
    assert {key.replace("-", "") for key in crowd.acked} <= stored
    assert crowd.faults == []
    crowd.leave()


async def test_a_redis_that_is_killed_and_flushed_costs_no_event(
    sites: Sites, groq: FakeGroq, start_redis: Callable[[], Redis]
) -> None:
    redis = start_redis()
    env = settings_for(groq, REDIS_URL=redis.url, WEB_CONCURRENCY="2")
    one = await asyncio.to_thread(sites.start, "uvicorn", "demo", None, env)
    two = await asyncio.to_thread(sites.adopt(one.beside("uvicorn")).start)
    async with Crowd([one.socket_url, two.socket_url], of(50, 6)) as crowd:
        twins = [Customer(two.socket_url, customer.visitor) for customer in crowd.customers[::2]]
        await until(lambda: all(customer.conversation for customer in crowd.customers))
        for twin in twins:
            await twin.connect()
        for number in range(of(24, 2)):
            await asyncio.sleep(of(5, 2))
            if number % 2:
                flush(redis)
            else:
                redis.stop()
                redis.start()
    for twin, customer in zip(twins, crowd.customers[::2], strict=True):
        await until(partial(_caught_up, twin, customer), 40)
        assert twin.events == customer.events
        assert twin.faults == []
        twin.socket.abort()
    assert crowd.faults == []
    crowd.leave()


def _caught_up(twin: Customer, customer: Customer) -> bool:
    return twin.seq >= customer.seq


def flush(redis: Redis) -> None:
    import redis as client

    with client.Redis.from_url(redis.url) as connection:
        connection.flushall()


async def test_a_postgresql_that_is_restarted_loses_nothing_that_was_confirmed(
    sites: Sites, groq: FakeGroq
) -> None:
    import psycopg

    server = Postgres(RUN_DIR / f"postgres-chaos-{os.getpid()}")
    try:
        site = await asyncio.to_thread(sites.start, "uvicorn", "empty", server.url, settings_for(groq))
        async with Crowd([site.socket_url], of(20, 5)) as crowd:
            for _ in range(of(20, 1)):
                await asyncio.sleep(2)
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
        with psycopg.connect(site.env["DATABASE_URL"]) as database:
            rows = database.execute("SELECT client_message_id FROM chat_message").fetchall()
        assert crowd.acked <= {str(row[0]) for row in rows}
        assert crowd.faults == []
        crowd.leave()
    finally:
        await asyncio.to_thread(sites.close)
        server.stop()


async def test_lines_that_are_late_slow_cut_and_reset_end_in_answers_or_in_quotes(
    sites: Sites, groq: FakeGroq
) -> None:
    parts = urlsplit(groq.base_url)
    with FaultProxy(parts.hostname or "", parts.port or 0) as to_model:
        env = settings_for(groq) | {"GROQ_BASE_URL": f"http://127.0.0.1:{to_model.port}"}
        site = await asyncio.to_thread(sites.start, "uvicorn", "demo", None, env)
        with FaultProxy("127.0.0.1", site.port) as line:
            address = f"ws://127.0.0.1:{line.port}/ws/chat/"
            origin = {"Origin": site.url, "Host": f"127.0.0.1:{site.port}"}
            async with Crowd([address], 4) as crowd:
                for customer in crowd.customers:
                    customer.headers = origin
                for number in range(of(60, 4)):
                    line.latency, line.bytes_per_second = (0.05, 0) if number % 2 else (0, 20_000)
                    to_model.latency = 0.05 * (number % 3)
                    await asyncio.sleep(1)
                    (line.cut, line.reset, to_model.reset, to_model.cut)[number % 4]()
                line.latency = line.bytes_per_second = to_model.latency = 0
                to_model.refusing = True
                await asyncio.sleep(1)
                to_model.reset()
            assert crowd.acked
            assert crowd.faults == []
            assert line.accepted > 4
            crowd.leave()
    assert "Traceback" not in site.log()


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


@pytest.mark.skipif(not SOAK_MINUTES, reason="`make soak` runs it")
async def test_memory_files_and_connections_stay_level_through_mixed_load(
    sites: Sites, groq: FakeGroq
) -> None:
    site: Site = await asyncio.to_thread(sites.start, "uvicorn", "demo", None, settings_for(groq))
    async with Crowd([site.socket_url], 30) as crowd:
        await asyncio.sleep(60 * SOAK_MINUTES / 5)
        warm, files = resident(site.pid), open_files(site.pid)
        end = time.monotonic() + 60 * SOAK_MINUTES * 4 / 5
        while time.monotonic() < end:
            await asyncio.sleep(5)
            random.choice(crowd.customers).socket.abort()  # noqa: S311
    grown = resident(site.pid) / warm - 1
    print(f"memory {grown:+.1%} of {warm / 2**20:.0f} MB, files {files} -> {open_files(site.pid)}")  # noqa: T201
    assert grown < 0.05
    assert open_files(site.pid) <= files + 5
    assert crowd.faults == []
    crowd.leave()
