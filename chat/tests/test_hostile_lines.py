"""What strangers do at the line itself: to both servers, each with the whole site behind it."""

import asyncio
import itertools
import secrets
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.client import Customer, until
from benchmarks.measure import forget_peak, peak, resident
from benchmarks.uploading import send
from chat.tests.test_wire import mutated
from joblynk.pictures.tests.drawing import animation, png_of_size
from joblynk.pictures.types import MAX_BYTES
from joblynk.testing import chaos
from joblynk.testing.settings import RUN_DIR
from joblynk.testing.sites import Site, Sites
from joblynk.web import FRAME_LIMIT

pytestmark = [pytest.mark.timeout(900 if chaos.LONG else 240), pytest.mark.asyncio(loop_scope="module")]
NON_READERS, HELLOS = 3, 60  # 48 KiB each, of which a socket may owe 2 MiB
GROWTH, OF_BODIES = 20 * 2**20, 50 * 2**20  # bytes
FRAMES = chaos.of(10_000, 300)
FRAMES_A_SOCKET = 15  # fewer bad ones than a socket is closed for
MIB = 2**20


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


async def test_bombs_and_bodies_without_end_are_refused_in_words_and_cost_no_memory(site: Site) -> None:
    pictures = (
        (png_of_size(9_000, 9_000), 400, "over 25 million pixels"),
        (b"\x89PNG\r\n\x1a\n" + bytes(MAX_BYTES - 7), 413, "over 10 MB"),
        (animation(1_000), 201, "Its first image was kept"),
    )
    bodies = (
        ("/api/attachments/", chunked(150), 413, "at most 12 MB"),
        ("/", chunked(150), 413, "at most 12 MB"),
        ("/", bytes(13 * MIB), 413, "at most 12 MB"),
        ("/admin/login/", chunked(300), 413, "at most 209 MB"),
        ("/admin/login/", chunked(100), 403, "CSRF"),  # it may be a video, and is looked at
    )
    before = resident(site.pid)
    forget_peak(site.pid)
    for data, status, words in pictures:
        answer = await asyncio.to_thread(send, site.url, secrets.token_hex(16), data)
        assert (answer.status_code, words in answer.text) == (status, True)
    with httpx.Client(base_url=site.url, timeout=60) as client:
        for path, body, status, words in bodies:
            answer = await asyncio.to_thread(client.post, path, content=body)
            assert (answer.status_code, words in answer.text) == (status, True)
            assert peak(site.pid) - before < OF_BODIES


async def test_a_body_that_declares_itself_too_large_is_refused_before_it_comes(site: Site) -> None:
    for path, limit in (("/", 12_000_000), ("/api/attachments/", 12_000_000), ("/admin/login/", 200 * MIB)):
        for size in (limit + 1, 2**40):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nContent-Length: {size}\r\n\r\n"
            writer.write(head.encode())
            told = await asyncio.wait_for(reader.read(), 30)  # to the end of the connection
            assert told.startswith(b"HTTP/1.1 413 ")
            assert b"This is too large" in told
            writer.close()


async def test_a_body_that_does_not_end_is_refused_once_it_is_too_large(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode() + b"%x\r\n" % (12_000_001 + MIB) + bytes(12_000_001))
    told = await asyncio.wait_for(reader.read(), 30)
    assert told.startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_an_upgrade_brings_no_body_into_memory(site: Site) -> None:
    before = resident(site.pid)
    forget_peak(site.pid)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    head = f"GET /admin/ HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nUpgrade: websocket\r\n"
    writer.write(f"{head}Connection: Upgrade\r\nContent-Length: {150 * MIB}\r\n\r\n".encode())
    for piece in chunked(150):
        writer.write(piece)
        await writer.drain()
    if site.server == "daphne":  # uvicorn drops all that comes, and says nothing
        await asyncio.wait_for(reader.read(), 30)
    assert peak(site.pid) - before < OF_BODIES
    writer.close()


def chunked(mib: int) -> Iterator[bytes]:
    return itertools.repeat(bytes(MIB), mib)


def sockets(site: Site) -> int:
    with urllib.request.urlopen(f"{site.url}/metrics", timeout=60) as answer:  # noqa: S310
        told = answer.read().decode()
    return next(
        int(float(line.split()[1])) for line in told.splitlines() if line.startswith("joblynk_sockets ")
    )
