"""What strangers do at the line itself: to both servers, each with the whole site behind it."""

import asyncio
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.client import Customer, until
from benchmarks.measure import resident
from chat.tests.test_wire import mutated
from joblynk.testing import chaos
from joblynk.testing.settings import RUN_DIR
from joblynk.testing.sites import Site, Sites
from joblynk.web import FRAME_LIMIT

pytestmark = [pytest.mark.timeout(900 if chaos.LONG else 240), pytest.mark.asyncio(loop_scope="module")]
NON_READERS, HELLOS = 3, 60  # 48 KiB each, of which a socket may owe 2 MiB
GROWTH = 20 * 2**20  # bytes
FRAMES = chaos.of(10_000, 300)
FRAMES_A_SOCKET = 15  # fewer bad ones than a socket is closed for


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def site(request: pytest.FixtureRequest, models_dir: Path) -> Iterator[Site]:
    sites = Sites(RUN_DIR, models_dir)
    yield sites.start(request.param, env={"CHAT_MESSAGES_PER_MINUTE": "200"})
    sites.close()


async def test_only_the_site_s_own_pages_open_the_socket(site: Site) -> None:
    host = f"127.0.0.1:{site.port}"
    for origin in (
        "",
        "null",
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        f"https://{host}",
        f"ws://{host}",
        f"http://{host}.evil.example",
        f"http://evil.example@{host}",
        f"http://{host}/path",
        f"http://localhost:{site.port}",
        "http://[::1",
    ):
        stranger = Customer(site.socket_url)
        stranger.headers = {"Origin": origin}
        with pytest.raises(ConnectionError, match=r"HTTP/1\.1 40"):
            await stranger.connect()
    page = Customer(site.socket_url)
    page.headers = {"Origin": f"http://{host}"}
    await (await page.connect()).close()


async def test_a_frame_that_is_too_large_closes_the_socket_before_it_has_arrived(site: Site) -> None:
    for size, sent in ((FRAME_LIMIT + 1, FRAME_LIMIT + 1), (2**40, 0)):
        stranger = await Customer(site.socket_url).connect()
        head = b"\x81\xff" + size.to_bytes(8, "big") + b"\0\0\0\0"
        stranger.socket.transport.write(head + b"x" * sent)
        assert await asyncio.wait_for(stranger.socket.closed, 30) in (1006, 1009)


async def test_who_does_not_read_is_closed_and_costs_no_memory(site: Site) -> None:
    talker = await Customer(site.socket_url).connect()
    for number in range(12):  # enough said to fill a page of the backlog
        await talker.ask(f"{number} " + "word " * 790)
    open_before, before = sockets(site), resident(site.pid)
    strangers = [await Customer(site.socket_url, talker.visitor).connect() for _ in range(NON_READERS)]
    for stranger in strangers:
        stranger.socket.pause()
        for _ in range(HELLOS):
            stranger.send("hello", last_seq=0)
    most = before
    while sockets(site) > open_before:
        await asyncio.sleep(0.1)
        most = max(most, resident(site.pid))
    assert most - before < GROWTH
    assert await talker.ping() < 30
    for stranger in strangers:
        stranger.socket.abort()
    await talker.close()


async def test_mutated_frames_bring_no_error_of_the_server_s_own(site: Site) -> None:
    chances = chaos.chances()
    open_before, before = sockets(site), resident(site.pid)
    for _ in range(FRAMES // FRAMES_A_SOCKET + 1):
        stranger = await Customer(site.socket_url).connect()
        for _ in range(FRAMES_A_SOCKET):
            stranger.socket.send(mutated(chances).encode())
        await stranger.ping()
        stranger.socket.abort()
    await until(lambda: sockets(site) <= open_before)
    assert "Traceback" not in site.log()
    assert "frame_failed" not in site.log()
    assert resident(site.pid) - before < GROWTH


def sockets(site: Site) -> int:
    with urllib.request.urlopen(f"{site.url}/metrics", timeout=60) as answer:  # noqa: S310
        told = answer.read().decode()
    return next(
        int(float(line.split()[1])) for line in told.splitlines() if line.startswith("joblynk_sockets ")
    )
