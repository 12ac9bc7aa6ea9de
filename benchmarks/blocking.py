"""What other customers notice while one database call takes a second."""

import asyncio
import time
import urllib.request
from collections.abc import Awaitable, Callable

import psycopg

from benchmarks import measure
from benchmarks.client import Customer
from benchmarks.ground import Ground, Served
from benchmarks.report import Row, at_most, number

CUSTOMERS = 20
SECOND = 1.0


def rows(ground: Ground) -> list[Row]:
    with ground.app("slow", "daphne") as app:
        reading = asyncio.run(_beside_a_query(app))
    with ground.site("daphne", "empty", postgres=ground.postgres()) as site:
        locked = asyncio.run(_beside_a_lock(site, site.env["DATABASE_URL"]))
    return [
        _row("others' p99 beside a query of 1 s, SQLite", reading),
        _row("others' p99 beside a write that waits 1 s for a row, PostgreSQL", locked),
    ]


def _row(what: str, found: tuple[list[float], list[float], float]) -> Row:
    waits, calm, lasted = found
    beside = (
        f"undisturbed {number(measure.percentile(calm, 0.99) * 1000, 'ms')}; the call took {lasted:.2f} s"
    )
    return at_most(what, measure.percentile(waits, 0.99) * 1000, 50, "ms", beside)


async def _beside_a_query(app: Served) -> tuple[list[float], list[float], float]:
    customers = [await Customer(app.socket_url).connect() for _ in range(CUSTOMERS)]

    async def query(millions: float) -> float:
        began = time.perf_counter()
        request = f"{app.url}/slow?{millions:.2f}"
        await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=30).read())  # noqa: S310
        return time.perf_counter() - began

    await query(0.1)
    millions = SECOND / await query(1.0)
    return await _disturbed(customers, lambda: query(millions))


async def _beside_a_lock(site: Served, database_url: str) -> tuple[list[float], list[float], float]:
    """A row of one conversation is held from outside, as by somebody of the staff in another process; its
    customer writes, and has to wait."""
    customers = [await Customer(site.socket_url).connect() for _ in range(CUSTOMERS)]
    held = await Customer(site.socket_url).connect()

    async def wait() -> float:
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            await connection.execute(
                "SELECT 1 FROM chat_conversation WHERE id = %s FOR UPDATE", [held.conversation]
            )
            began = time.perf_counter()
            asked = held.begin("Hello")
            await asyncio.sleep(SECOND)
            assert not asked.acked
        await asked.done.wait()
        return time.perf_counter() - began

    return await _disturbed(customers, wait)


async def _disturbed(
    customers: list[Customer], disturb: Callable[[], Awaitable[float]]
) -> tuple[list[float], list[float], float]:
    """Seconds that customers wait for an acknowledgement or a pong: during the call, before it, and how
    long the call took."""
    waits: list[float] = []
    going = True

    async def use(customer: Customer) -> None:
        while going:
            asked = await customer.ask("Hello")  # small talk: stored, answered, stored
            waits.extend((asked.acked - asked.at, await customer.ping()))
            await asyncio.sleep(0.15)

    users = [asyncio.create_task(use(customer)) for customer in customers]
    await asyncio.sleep(SECOND)
    calm = waits[:]
    waits.clear()
    lasted = await disturb()
    during = waits[:]
    going = False
    await asyncio.gather(*users)
    for customer in customers:
        customer.socket.abort()
    return during, calm, lasted
