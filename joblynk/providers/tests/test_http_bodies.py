"""Against a server that writes what it is told, byte by byte, in both kinds of event loop that serve."""

import asyncio
import gzip

import httpx
import pytest
import uvloop

from joblynk.providers import http_pool
from joblynk.testing.http_server import Peer, serving

OK = b"HTTP/1.1 200 OK\r\n"
GOOD = OK + b"Content-Length: 2\r\n\r\n{}"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SECONDS = 5.0

# The hook that is to replace the fixture below cannot be set for one module.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy.:DeprecationWarning")


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


def connect(peer: Peer) -> httpx.AsyncClient:
    return http_pool.client(peer.base_url, httpx.Timeout(SECONDS))


async def fetch(wire: bytes, *, keep: bool = True, method: str = "GET") -> httpx.Response:
    async with serving(wire, keep=keep) as peer, connect(peer) as client:
        return await client.request(method, peer.base_url)


# --- Bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (CHUNKED + b"2;ext=1\r\nhe\r\n3 \r\nllo\r\n0\r\nTrailer: 1\r\n\r\n", b"hello"),
        (b"HTTP/1.1 204 None\r\n\r\n", b""),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + GOOD, b"{}"),
    ],
)
async def test_a_body_ends_where_its_head_says_and_the_connection_serves_on(wire: bytes, body: bytes) -> None:
    async with serving(wire, GOOD) as peer, connect(peer) as client:
        assert (await client.get(peer.base_url)).content == body
        assert (await client.get(peer.base_url)).content == b"{}"
        assert peer.accepted == 1


@pytest.mark.parametrize(
    "wire",
    [
        OK + b"Connection: Close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        GOOD + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nforeigner",
    ],
)
async def test_a_connection_in_doubt_serves_no_further_request(wire: bytes) -> None:
    async with serving(wire, GOOD) as peer, connect(peer) as client:
        for _ in range(2):
            assert (await client.get(peer.base_url)).content == b"{}"
        assert peer.accepted == 2


@pytest.mark.parametrize("head", [OK, b"HTTP/1.0 200 OK\r\n"])
async def test_a_body_without_a_length_ends_with_the_connection(head: bytes) -> None:
    assert (await fetch(head + b"\r\nhello", keep=False)).content == b"hello"


async def test_the_answer_to_head_has_no_body() -> None:
    response = await fetch(OK + b"Content-Length: 5\r\n\r\n", method="HEAD")
    assert (response.content, response.headers["content-length"]) == (b"", "5")


async def test_nothing_compressed_is_asked_for_but_it_is_read() -> None:
    packed = gzip.compress(b"hello")
    wire = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    async with serving(wire) as peer, connect(peer) as client:
        assert (await client.get(peer.base_url)).text == "hello"
        assert b"\r\naccept-encoding: identity\r\n" in peer.requests[0].lower()


async def test_redirects_are_not_followed() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    assert (await fetch(moved)).status_code == 307


# --- What is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        OK + b"Content-Length: 5\r\n\r\nhell",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"4\r\nhello\r\n0\r\n\r\n",
        OK + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
        OK + b"X: 1\r\n" * 50_000 + b"\r\n",
    ],
    ids=lambda wire: repr(wire[:60]),
)
async def test_what_is_no_whole_answer_is_an_error(wire: bytes) -> None:
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await fetch(wire, keep=False)


async def test_a_head_that_drips_is_given_no_more_than_its_time() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof() and not writer.is_closing():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await asyncio.sleep(0.01)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, http_pool.client(url, httpx.Timeout(0.1)) as client:
        with pytest.raises(httpx.ReadTimeout):
            async with asyncio.timeout(2):
                await client.get(url)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {"X": "a\r\nY: b"}),
        ("GET", "/", {"X": "a\nb"}),
        ("GET", "/", {"X": "a\x00b"}),
        ("GET", "/", {"X\r\nY": "b"}),
        ("GET / HTTP/1.1\r\nX:", "/", {}),
        ("GET /other", "/", {}),
        ("GÉT", "/", {}),
        ("GET", "/a\r\nX: b", {}),
    ],
)
async def test_a_request_that_would_read_as_two_does_not_leave(
    method: str, path: str, headers: dict[str, str]
) -> None:
    async with serving(GOOD) as peer, connect(peer) as client:
        with pytest.raises((httpx.LocalProtocolError, httpx.InvalidURL)):
            await client.request(method, peer.base_url + path, headers=headers)
        assert peer.requests == []


# --- Connections that were kept ----------------------------------------------------------------


@pytest.mark.parametrize("unasked", [b"", b"HTTP/1.1 408 Slow\r\nContent-Length: 0\r\n\r\n"])
@pytest.mark.parametrize("end", ["close", "abort", "stay"])
async def test_what_happens_to_a_resting_connection_does_not_reach_the_next_request(
    unasked: bytes, end: str
) -> None:
    async with serving(GOOD, GOOD) as peer, connect(peer) as client:
        await client.get(peer.base_url)
        peer.writers[0].write(unasked)
        if end != "stay":
            getattr(peer.writers[0].transport, end)()
        for _ in range(10):  # until it has crossed the wire
            await asyncio.sleep(0)
        assert (await client.get(peer.base_url)).status_code == 200
        assert peer.accepted == (1 if end == "stay" and not unasked else 2)


async def test_a_request_that_went_unanswered_is_not_sent_again() -> None:
    async with serving(GOOD, b"", keep=False) as peer, connect(peer) as client:
        await client.get(peer.base_url)
        with pytest.raises(httpx.ReadError):
            await client.post(peer.base_url)
        assert (len(peer.requests), peer.accepted) == (2, 1)


async def test_a_refusal_is_read_although_the_request_was_not_taken() -> None:
    refusal = b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)

    server = await asyncio.start_server(refuse, "127.0.0.1", 0, limit=1_024)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, http_pool.client(url, httpx.Timeout(SECONDS)) as client:
        assert (await client.post(url, content=bytes(20_000_000))).status_code == 413


# --- Connecting --------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example", "127.0.0.1:9"])
async def test_a_host_that_is_not_there_is_an_error(host: str) -> None:
    async with http_pool.client(f"http://{host}", httpx.Timeout(SECONDS)) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(f"http://{host}")
