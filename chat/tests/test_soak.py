"""Half an hour of mixed load: `make soak`."""

import asyncio
import os
import random
import time
from collections.abc import Iterator

import pytest

from benchmarks.measure import resident
from chat.tests.crowd import Crowd
from joblynk.testing.fake_groq import FakeGroq, numbered, stream
from joblynk.testing.sites import Site, Sites

MINUTES = float(os.environ.get("SOAK", "0"))
ANSWER = numbered(60)
pytestmark = pytest.mark.timeout(7_200)


@pytest.fixture
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as groq:
        groq.play(stream(ANSWER, per_second=100))
        yield groq


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


@pytest.mark.skipif(not MINUTES, reason="`make soak` runs it")
async def test_memory_files_and_connections_stay_level_through_mixed_load(
    sites: Sites, groq: FakeGroq
) -> None:
    env = {"GROQ_API_KEY": "none", "GROQ_BASE_URL": groq.base_url, "CHAT_MESSAGES_PER_MINUTE": "0"}
    site: Site = await asyncio.to_thread(sites.start, "uvicorn", "demo", None, env)
    async with Crowd([site.socket_url], 30) as crowd:
        await asyncio.sleep(60 * MINUTES / 5)
        warm, files = resident(site.pid), open_files(site.pid)
        end = time.monotonic() + 60 * MINUTES * 4 / 5
        while time.monotonic() < end:
            await asyncio.sleep(5)
            random.choice(crowd.customers).socket.abort()  # noqa: S311
    grown = resident(site.pid) / warm - 1
    print(f"memory {grown:+.1%} of {warm / 2**20:.0f} MB, files {files} -> {open_files(site.pid)}")  # noqa: T201
    assert grown < 0.05
    assert open_files(site.pid) <= files + 5
    assert crowd.faults == []
    crowd.leave()
