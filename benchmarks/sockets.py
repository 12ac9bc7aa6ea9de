"""What a socket costs: echo through the whole consumer, and sockets that only stay open."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from benchmarks import measure
from benchmarks.client import Customer, WebSocket
from benchmarks.ground import SERVERS, Ground, Served
from benchmarks.report import Row, at_least, at_most, number

SOCKETS = 100
PAYLOAD = b'{"type":"ping","t":1}'
_FILL = 100  # bytes of a frame


def rows(ground: Ground) -> list[Row]:
    found: list[Row] = []
    for server in SERVERS:
        found += _echo(ground, server)
    for server in SERVERS:
        found += _idle(ground, server)
    return found


# --- Echo --------------------------------------------------------------------------------------


def _echo(ground: Ground, server: str) -> list[Row]:
    seconds = ground.of(4, 1)
    with ground.app("echo", server) as app:
        bare = asyncio.run(_echoes(app, seconds, _open_plain))
    with ground.app("stock", server) as app:
        stock = asyncio.run(_echoes(app, seconds, _open_plain))
    with ground.site(server, "empty") as site:
        ours = asyncio.run(_echoes(site, seconds, _open_customer))
    beside = f"bare ASGI {number(bare, '/s')}, stock consumer {number(stock, '/s')}"
    what = f"echo, {SOCKETS} sockets, {server}"
    return [
        Row(what, number(ours, "/s"), beside),
        at_least("  share of bare ASGI", ours / bare, 0.5, "×"),
        at_least("  share of a stock Channels consumer", ours / stock, 2, "×"),
    ]


Opened = tuple[WebSocket, Callable[[], bytes]]


async def _open_plain(url: str, on_text: Callable[[bytes], None]) -> Opened:
    frame = _filled(PAYLOAD)
    return await WebSocket.connect(url, on_text), lambda: frame


async def _open_customer(url: str, on_text: Callable[[bytes], None]) -> Opened:
    """A conversation is open, and every frame confirms what was received."""
    customer = await Customer(url).connect()
    count = customer.received

    def counted(raw: bytes) -> None:
        nonlocal count
        count += 1
        on_text(raw)

    customer.socket._on_text = counted
    return customer.socket, lambda: _filled(b'{"type":"ping","t":1,"received":%d}' % count)


def _filled(frame: bytes) -> bytes:
    return frame[:-1] + b',"x":"%b"}' % (b"x" * (_FILL - len(frame) - 7))


async def _echoes(served: Served, seconds: float, open_one: Any) -> float:
    """Round trips a second, each socket sending its next frame when the last one has come back."""
    count = 0
    going = True
    opened: list[Opened] = []

    def again(place: int) -> Callable[[bytes], None]:
        def on_text(_: bytes) -> None:
            nonlocal count
            count += 1
            if going:
                socket, frame = opened[place]
                socket.send(frame())

        return on_text

    for place in range(SOCKETS):
        opened.append(await open_one(served.socket_url, again(place)))
    for socket, frame in opened:
        socket.send(frame())
    await asyncio.sleep(seconds / 4)  # warm
    began, before = time.perf_counter(), count
    await asyncio.sleep(seconds)
    rate = (count - before) / (time.perf_counter() - began)
    going = False
    await asyncio.sleep(0.1)
    for socket, _ in opened:
        socket.abort()
    return rate


# --- Idle --------------------------------------------------------------------------------------

IDLE, CROWD = 1_000, 5_000
PING_SECONDS = 20.0  # what PROTOCOL asks of a client


def _idle(ground: Ground, server: str) -> list[Row]:
    with ground.app("echo", server) as app:
        bare = asyncio.run(memory(app, ground.of(IDLE, 50)))
    with ground.site(server, "empty") as site:
        ours, load = asyncio.run(memory_and_load(ground, site))
    return [
        at_most(
            f"idle socket, {IDLE:,} open, {server}",
            ours / 1e3,
            40,
            "kB",
            f"bare ASGI {number(bare / 1e3, 'kB')}",
        ),
        at_most(f"CPU of {CROWD:,} idle sockets, {server}", load * 100, 4, "% of a core"),
    ]


async def memory_and_load(ground: Ground, site: Served) -> tuple[float, float]:
    warm = [await Customer(site.socket_url).connect() for _ in range(20)]
    before = measure.resident(site.pid)
    customers = await open_customers(site.socket_url, ground.of(IDLE, 50))
    memory = (measure.resident(site.pid) - before) / len(customers)
    customers += warm
    customers += await open_customers(site.socket_url, ground.of(CROWD, 100) - len(customers))
    load = await _load(site, customers, ground.of(15, 2))
    for customer in customers:
        customer.socket.abort()
    return memory, load


async def memory(served: Served, sockets: int) -> float:
    """Bytes that the server's process grows by with each socket."""
    warm = [await WebSocket.connect(served.socket_url, lambda _: None) for _ in range(20)]
    before = measure.resident(served.pid)
    opened = [await WebSocket.connect(served.socket_url, lambda _: None) for _ in range(sockets)]
    grown = (measure.resident(served.pid) - before) / sockets
    for socket in (*opened, *warm):
        socket.abort()
    return grown


async def open_customers(url: str, count: int) -> list[Customer]:
    opened: list[Customer] = []
    for start in range(0, count, 50):
        batch = [Customer(url) for _ in range(min(50, count - start))]
        opened += await asyncio.gather(*(customer.connect() for customer in batch))
    return opened


async def _load(served: Served, customers: list[Customer], seconds: float) -> float:
    """The server's share of a core while each customer pings every 20 s."""
    await asyncio.sleep(1)
    began, before, sent = time.perf_counter(), measure.cpu_seconds(served.pid), 0
    while (elapsed := time.perf_counter() - began) < seconds:
        due = int(elapsed / PING_SECONDS * len(customers))
        for customer in customers[sent:due]:
            customer.send("ping", t=1, received=customer.received)
        sent = due
        await asyncio.sleep(0.02)
    return (measure.cpu_seconds(served.pid) - before) / (time.perf_counter() - began)
