import asyncio
from collections.abc import Iterator

import httpx
import pytest

from joblynk.providers import http_pool
from joblynk.testing.http_server import Connection, FakeServer, Request


class Echo(FakeServer):
    """Answers at once, except under /slow."""

    async def answer(self, request: Request, connection: Connection) -> None:
        if request.path == "/slow":
            await asyncio.Event().wait()
        connection.respond(200, b"{}")


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo() as server:
        yield server


def connect(server: Echo) -> httpx.AsyncClient:
    return http_pool.client(server.base_url, httpx.Timeout(5))


async def test_requests_at_once_take_a_connection_each_and_leave_them_to_the_next(server: Echo) -> None:
    async with connect(server) as client:
        for _ in range(2):
            await asyncio.gather(*(client.get(server.base_url) for _ in range(20)))
        assert server.accepted <= 20
        before = server.accepted
        for _ in range(5):
            await client.get(server.base_url)
        assert server.accepted == before
    assert await asyncio.to_thread(server.wait_until_alone, 1)


async def test_idle_connections_are_closed_after_their_time(
    server: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_pool, "_IDLE_SECONDS", 0.05)
    async with connect(server) as client:
        await asyncio.gather(*(client.get(server.base_url) for _ in range(20)))
        assert await asyncio.to_thread(server.wait_until_alone, 30)


async def test_a_cancelled_request_frees_its_place(server: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_pool, "_MOST_CONNECTIONS", 1)
    async with connect(server) as client:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await client.get(f"{server.base_url}/slow")
        assert (await client.get(server.base_url)).status_code == 200


async def test_one_request_too_many_waits_no_longer_than_to_connect(
    server: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_pool, "_MOST_CONNECTIONS", 1)
    async with connect(server) as client:
        reading = asyncio.create_task(client.get(f"{server.base_url}/slow"))
        await asyncio.to_thread(server.wait_for_request, 30)
        with pytest.raises(httpx.ConnectTimeout):
            await client.get(server.base_url, timeout=httpx.Timeout(5, connect=0.05))
        reading.cancel()


async def test_closing_the_client_ends_what_is_still_read(server: Echo) -> None:
    client = connect(server)
    reading = asyncio.create_task(client.get(f"{server.base_url}/slow"))
    await asyncio.to_thread(server.wait_for_request, 1)
    await client.aclose()
    with pytest.raises(httpx.HTTPError):
        await reading
    assert await asyncio.to_thread(server.wait_until_alone, 1)


async def test_closing_the_client_at_any_step_leaves_no_connection(server: Echo) -> None:
    for steps in range(40):
        client = connect(server)
        request = asyncio.create_task(client.get(server.base_url))
        for _ in range(steps):
            await asyncio.sleep(0)
        await client.aclose()
        await asyncio.gather(request, return_exceptions=True)
    assert await asyncio.to_thread(server.wait_until_alone, 1)


@pytest.mark.parametrize(
    ("proxy", "exempt", "used"),
    [
        ("http://proxy.example:3128", "", "http://proxy.example:3128"),
        ("proxy.example:3128", "", "http://proxy.example:3128"),
        ("http://proxy.example:3128", "api.groq.com", None),
        ("", "", None),
    ],
)
def test_the_proxy_of_the_environment_is_used(
    proxy: str, exempt: str, used: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.setenv("no_proxy", exempt)
    assert http_pool.environment_proxy("https://api.groq.com") == used


async def test_a_request_may_be_cancelled_at_any_step_without_spoiling_the_next(server: Echo) -> None:
    async with connect(server) as client:
        for steps in range(150):
            request = asyncio.create_task(client.get(server.base_url))
            for _ in range(steps):
                await asyncio.sleep(0)
            request.cancel()
            await asyncio.wait([request])
            async with asyncio.timeout(1):
                assert (await client.get(server.base_url)).status_code == 200
    assert await asyncio.to_thread(server.wait_until_alone, 1)
