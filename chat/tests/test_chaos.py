"""Everything a chat stands on taken away while it is used. Each has a short form here and a long one:
`make chaos`."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.client import Customer, until
from chat.tests.crowd import Crowd, Rows
from joblynk.testing.chaos import LONG, chances, of
from joblynk.testing.fake_groq import FakeGroq, numbered, stream
from joblynk.testing.fault_proxy import FaultProxy
from joblynk.testing.servers import Postgres, Redis
from joblynk.testing.settings import RUN_DIR
from joblynk.testing.sites import Site, Sites

ANSWER = numbered(60)
TERMINAL = 30.0  # seconds after a restart in which every answer has ended
EQUAL = 25.0  # seconds after the last fault in which every page shows what is stored
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(of(7_200, 300))]
only_long = pytest.mark.skipif(not LONG, reason="`make chaos` runs it")


@pytest.fixture
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as groq:
        groq.play(stream(ANSWER, per_second=100))
        yield groq


def settings_for(groq: FakeGroq, **env: str) -> dict[str, str]:
    key = {"GROQ_API_KEY": "gsk_for_chaos", "GROQ_BASE_URL": groq.base_url}
    return {**key, "CHAT_MESSAGES_PER_MINUTE": "0", **env}


@contextmanager
def postgres() -> Iterator[Postgres]:
    server = Postgres(RUN_DIR / f"postgres-chaos-{os.getpid()}")
    try:
        yield server
    finally:
        server.stop()


class Killer:
    """Kills the web process, its worker, or both, starts them again, and looks after the answers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rows = Rows(site)
        self._worker = site.start_worker()
        self._watching: set[asyncio.Task[None]] = set()
        self.left_behind = 0
        self.longest = 0.0
        """Seconds from a restart to the end of the last answer that the killed process was writing."""

    async def strike(self, victims: str) -> None:
        if victims != "web":
            os.killpg(self._worker.pid, signal.SIGKILL)
            self._worker.popen.wait()
        if victims != "worker":
            self._site.web.kill()
            orphans = await asyncio.to_thread(self._rows.pending)
            await asyncio.to_thread(self._site.start)
            self.left_behind += len(orphans)
            self._watching.add(asyncio.create_task(self._watch(orphans)))
        if victims != "web":
            self._worker = self._site.start_worker()

    async def _watch(self, orphans: set[str]) -> None:
        began = time.monotonic()
        while orphans & await asyncio.to_thread(self._rows.pending):  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.25)
        self.longest = max(self.longest, time.monotonic() - began)

    async def last_words(self) -> None:
        await asyncio.gather(*self._watching)


@pytest.mark.parametrize(
    ("server", "database"),
    [("uvicorn", "sqlite"), pytest.param("daphne", "postgresql", marks=only_long)],
)
async def test_processes_killed_at_any_moment_lose_nothing_that_was_confirmed(
    server: str, database: str, sites: Sites, groq: FakeGroq
) -> None:
    choose = chances()
    with ExitStack() as stack:
        url = stack.enter_context(postgres()).url if database == "postgresql" else None
        site = await asyncio.to_thread(sites.start, server, "demo", url, settings_for(groq))
        stack.callback(sites.close)
        rows, killer = Rows(site), Killer(site)
        async with Crowd([site.socket_url], of(20, 6)) as crowd:
            for _ in range(of(200, 1)):
                await asyncio.sleep(0.3 + choose.random() * 2)
                await killer.strike(choose.choice(("web", "worker", "both")) if LONG else "both")
            await killer.last_words()
        equal = await _equal(rows, crowd.customers, 0.0)
        print(  # noqa: T201
            f"{len(crowd.acked)} confirmed, {killer.left_behind} answers left behind, the last of them"
            f" ended {killer.longest:.1f} s after a restart, pages equal after {equal:.1f} s"
        )
        assert crowd.acked
        assert {key.replace("-", "") for key in crowd.acked} <= rows.confirmed()
        assert killer.longest < TERMINAL
        assert await asyncio.to_thread(rows.torn) == []
        assert crowd.faults == []
        crowd.leave()


async def _equal(rows: Rows, customers: list[Customer], since: float) -> float:
    """Seconds from `since` until every page shows what is stored; fails after `EQUAL`."""
    began = since or time.monotonic()
    while differing := await asyncio.to_thread(rows.differing, customers):
        assert time.monotonic() - began < EQUAL, differing
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def test_a_redis_that_is_killed_and_flushed_costs_no_event(
    sites: Sites, groq: FakeGroq, start_redis: Callable[[], Redis]
) -> None:
    redis = start_redis()
    env = settings_for(groq, REDIS_URL=redis.url, WEB_CONCURRENCY="2")
    one = await asyncio.to_thread(sites.start, "uvicorn", "demo", None, env)
    two = await asyncio.to_thread(sites.adopt(one.beside("uvicorn")).start)
    async with Crowd([one.socket_url, two.socket_url], of(50, 6)) as crowd:
        twins = [Customer(two.socket_url, customer.visitor) for customer in crowd.customers[::2]]
        await until(lambda: all(customer.conversation for customer in crowd.customers), 60)
        for twin in twins:
            await twin.connect()
        for _ in range(of(24, 1)):
            await asyncio.sleep(of(2.5, 0.5))
            flush(redis)
            await asyncio.sleep(of(2.5, 0.5))
            redis.stop(signal.SIGKILL)
            redis.start()
        last = time.monotonic()
    equal = await _equal(Rows(one), [*crowd.customers, *twins], last)
    print(f"{len(crowd.acked)} confirmed, pages equal {equal:.1f} s after the last fault")  # noqa: T201
    assert {key.replace("-", "") for key in crowd.acked} <= Rows(one).confirmed()
    assert [fault for twin in twins for fault in twin.faults] == crowd.faults == []
    for twin in twins:
        twin.socket.abort()
    crowd.leave()


def flush(redis: Redis) -> None:
    import redis as client

    with client.Redis.from_url(redis.url) as connection:
        connection.flushall()


async def test_a_postgresql_that_is_restarted_loses_nothing_that_was_confirmed(
    sites: Sites, groq: FakeGroq
) -> None:
    choose = chances()
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        site = await asyncio.to_thread(sites.start, "uvicorn", "empty", server.url, settings_for(groq))
        stack.callback(sites.close)
        rows = Rows(site)
        async with Crowd([site.socket_url], of(50, 5)) as crowd:
            for _ in range(of(20, 1)):
                await asyncio.sleep(1 + choose.random() * of(3, 1))
                crash = choose.choice((signal.SIGINT, signal.SIGQUIT))
                await asyncio.to_thread(server.stop, crash)
                await asyncio.to_thread(server.start)
            last = time.monotonic()
        equal = await _equal(rows, crowd.customers, last)
        print(f"{len(crowd.acked)} confirmed, pages equal {equal:.1f} s after the last fault")  # noqa: T201
        assert {key.replace("-", "") for key in crowd.acked} <= rows.confirmed()
        assert await asyncio.to_thread(rows.torn) == []
        assert crowd.faults == []
        crowd.leave()


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
            async with Crowd([address], of(12, 4)) as crowd:
                for customer in crowd.customers:
                    customer.headers = origin
                for number in range(of(120, 4)):
                    line.latency, line.bytes_per_second = (0.05, 0) if number % 2 else (0, 20_000)
                    to_model.latency = 0.05 * (number % 3)
                    await asyncio.sleep(1)
                    (line.cut, line.reset, to_model.reset, to_model.cut)[number % 4]()
                line.latency = line.bytes_per_second = to_model.latency = 0
                to_model.refusing = True
                await asyncio.sleep(1)
                to_model.reset()
                last = time.monotonic()
            equal = await _equal(Rows(site), crowd.customers, last)
            print(  # noqa: T201
                f"{len(crowd.acked)} confirmed over {line.accepted} connections, the longest answer"
                f" {crowd.longest:.1f} s, pages equal {equal:.1f} s after the last fault"
            )
            assert crowd.acked
            assert crowd.longest < 45
            assert crowd.faults == []
            assert line.accepted > 4
            assert Rows(site).torn() == []
            crowd.leave()
    assert "Traceback" not in site.log()


@pytest.fixture
def faketime() -> Path:
    """The library that moves a process's clock: Debian's package `faketime`."""
    if found := next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None):
        return found
    pytest.skip("libfaketime is not installed (apt-get install faketime)")


@only_long
async def test_a_clock_that_is_moved_by_hours_under_load_costs_no_answer(
    sites: Sites, groq: FakeGroq, faketime: Path, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    moved = {
        "LD_PRELOAD": str(faketime),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    site = await asyncio.to_thread(sites.start, "uvicorn", "demo", None, settings_for(groq, **moved))
    rows, killer = Rows(site), Killer(site)
    async with Crowd([site.socket_url], 10) as crowd:
        for hours in ("+2h", "+0", "-2h", "+0") * 2:
            await asyncio.sleep(4)
            clock.write_text(hours)
            await asyncio.sleep(2)
            await killer.strike("both")
            await killer.last_words()  # each clock that is put back in between would begin a lease anew
    equal = await _equal(rows, crowd.customers, 0.0)
    print(  # noqa: T201
        f"{len(crowd.acked)} confirmed, {killer.left_behind} answers left behind, the last of them ended"
        f" {killer.longest:.1f} s after a restart, pages equal after {equal:.1f} s"
    )
    assert {key.replace("-", "") for key in crowd.acked} <= rows.confirmed()
    assert killer.longest < TERMINAL
    assert await asyncio.to_thread(rows.torn) == []
    assert crowd.faults == []
    crowd.leave()
