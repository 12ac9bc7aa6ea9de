"""Half an hour of mixed load, on PostgreSQL and Redis with two web processes and a worker: `make soak`."""

import asyncio
import io
import os
import random
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from typing import NamedTuple

import httpx
import psycopg
import pytest
import redis as redis_client
from PIL import Image, ImageDraw

from benchmarks.client import Customer
from benchmarks.measure import resident
from benchmarks.uploading import upload
from chat.tests.crowd import QUESTION, Crowd, Rows
from joblynk.testing.chaos import chances
from joblynk.testing.fake_groq import FakeGroq, numbered, stream
from joblynk.testing.servers import Redis
from joblynk.testing.sites import Site, Sites
from knowledge.tests import onsite

MINUTES = float(os.environ.get("SOAK", "0"))
WARM = 0.2  # the share of the time after which nothing grows any more
EVERY = 5.0  # seconds between two looks
QUESTIONS = (QUESTION, "Hello", "What does E-1042 mean?", "How do I reset my password?", "Who won the cup?")
pytestmark = [
    pytest.mark.timeout(7_200),
    pytest.mark.skipif(not MINUTES, reason="`make soak` runs it"),
]


@pytest.fixture
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as groq:
        groq.play(stream(numbered(60), per_second=100))
        yield groq


class Look(NamedTuple):
    """Of one moment: bytes and open files of each process, connections of both servers."""

    memory: tuple[int, ...]
    files: tuple[int, ...]
    connections: tuple[int, ...]


class Gauge:
    """Looks at the processes again and again and prints what it sees once a minute."""

    def __init__(self, site: Site, pids: dict[str, int], redis: Redis) -> None:
        self._pids = pids
        self._database = site.env["DATABASE_URL"]
        self._redis = redis.url
        self.looks: list[Look] = []

    async def watch(self, seconds: float) -> None:
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            self.looks.append(await asyncio.to_thread(self._look))
            if len(self.looks) % 12 == 1:
                print(f"{now / 60:4.1f} min  {self.told(self.looks[-1])}", flush=True)  # noqa: T201
            await asyncio.sleep(EVERY)

    def _look(self) -> Look:
        with psycopg.connect(self._database) as database:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            row = database.execute(query).fetchone()
        with redis_client.Redis.from_url(self._redis) as client:
            clients = len(client.client_list())
        pids = self._pids.values()
        return Look(
            tuple(resident(pid) for pid in pids),
            tuple(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),  # noqa: PTH208
            ((row[0] if row else 0) - 1, clients - 1),
        )

    def told(self, look: Look) -> str:
        each = zip(self._pids, look.memory, look.files, strict=True)
        processes = "  ".join(f"{name} {memory / 2**20:.1f} MB {files} files" for name, memory, files in each)
        return f"{processes}  PostgreSQL {look.connections[0]}  Redis {look.connections[1]}"

    def summed_up(self, looks: list[Look]) -> Look:
        """The peak of the memory, which goes up and down by 50 MB with what a worker reads; the medians of
        the rest."""
        memory, files, connections = (zip(*column, strict=True) for column in zip(*looks, strict=True))
        middle = statistics.median
        return Look(tuple(map(max, memory)), tuple(map(middle, files)), tuple(map(middle, connections)))


class Load:
    """What others do beside the crowd: visitors who come and go, pictures, staff at work, broken lines."""

    def __init__(self, site: Site, crowd: Crowd, choose: random.Random) -> None:
        self._site = site
        self._crowd = crowd
        self._choose = choose
        self._version = 0

    async def go_on(self) -> None:
        await asyncio.gather(
            self._every(4, self._visit),
            self._every(7, self._break_off),
            self._every(20, self._show_picture),
            self._every(10, self._open_pages),
            self._every(60, self._edit_documents),
        )

    async def _every(self, seconds: float, act: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(seconds * (0.5 + self._choose.random()))
            with suppress(OSError, TimeoutError, httpx.TransportError):
                await act()

    async def _visit(self) -> None:
        customer = await Customer(self._choose.choice(self._crowd.customers).url).connect()
        await customer.ask(self._choose.choice(QUESTIONS))
        await customer.close()

    async def _break_off(self) -> None:
        self._choose.choice(self._crowd.customers).socket.abort()

    async def _show_picture(self) -> None:
        customer = await Customer(self._site.socket_url).connect()
        told = await asyncio.to_thread(upload, self._site.url, customer.visitor, _picture())
        await customer.ask("What does this mean?", [told["id"]])
        await customer.close()

    async def _open_pages(self) -> None:
        async with httpx.AsyncClient(base_url=self._site.url) as client:
            for path in ("/", "/healthz", "/static/chat/main.js", "/admin/login/"):
                await client.get(path)

    async def _edit_documents(self) -> None:
        self._version += 1
        await asyncio.to_thread(onsite.call, self._site, "add", count=3, version=self._version % 9)


def _picture() -> bytes:
    image = Image.new("RGB", (640, 360), "white")
    ImageDraw.Draw(image).text((40, 60), f"Error E-1042 {secrets.token_hex(3)}", fill="black", font_size=32)
    stored = io.BytesIO()
    image.save(stored, "PNG")
    return stored.getvalue()


async def test_memory_files_and_connections_stay_level_through_mixed_load(
    sites: Sites, groq: FakeGroq, postgres_url: str, start_redis: Callable[[], Redis]
) -> None:
    redis = start_redis()
    env = {
        "GROQ_API_KEY": "none",
        "GROQ_BASE_URL": groq.base_url,
        "CHAT_MESSAGES_PER_MINUTE": "0",
        "REDIS_URL": redis.url,
        "WEB_CONCURRENCY": "2",
    }
    with ExitStack() as stack:
        site = await asyncio.to_thread(sites.start, "uvicorn", "demo", postgres_url, env)
        stack.callback(sites.close)
        other = await asyncio.to_thread(sites.adopt(site.beside("daphne")).start)
        worker = site.start_worker()
        gauge = Gauge(site, {"uvicorn": site.pid, "daphne": other.pid, "worker": worker.pid}, redis)
        async with Crowd([site.socket_url, other.socket_url], 30, pause=2.0) as crowd:
            load = asyncio.create_task(Load(site, crowd, chances()).go_on())
            await gauge.watch(60 * MINUTES)
            load.cancel()
        looks = gauge.looks[int(len(gauge.looks) * WARM) :]
        third = len(looks) // 3
        warm, end = gauge.summed_up(looks[:third]), gauge.summed_up(looks[-third:])
        print(f"warm  {gauge.told(warm)}\nend   {gauge.told(end)}\n{len(crowd.acked)} questions")  # noqa: T201
        assert crowd.faults == []
        assert await asyncio.to_thread(Rows(site).differing, crowd.customers) == []
        assert all(now < 1.05 * then for then, now in zip(warm.memory, end.memory, strict=True))
        assert all(now <= then + 3 for then, now in zip(warm.files, end.files, strict=True))
        assert all(now <= then + 2 for then, now in zip(warm.connections, end.connections, strict=True))
        crowd.leave()
