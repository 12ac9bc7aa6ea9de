"""The running site under load, on SQLite and on PostgreSQL with Redis, with search, storage and the model
over HTTP; beside it a relay that does nothing but hand on the words of the model."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable

from benchmarks import measure, sockets, storing, streaming
from benchmarks.ground import Ground, Served, with_model
from benchmarks.report import Row, at_most, number
from benchmarks.streaming import CHATS, FIRST, PER_SECOND, TOKENS

SERVER = "uvicorn"
LEVELS = (100, 200, 300, 400, 500, 600, 800, 1_000)
"""Chats that stream at once, more and more."""
_SHORT = 30  # tokens, where only the first is waited for
LONGEST = 1.0  # seconds to the first token, for nineteen in twenty


def rows(ground: Ground) -> list[Row]:
    found = _rows(ground, "SQLite", None, {})
    with ground.redis() as redis:
        found += _rows(ground, "PostgreSQL and Redis", ground.postgres(), {"REDIS_URL": redis.url})
    return [*found, *storing.rows(ground)]


def _rows(ground: Ground, where: str, postgres: str | None, env: dict[str, str]) -> list[Row]:
    short = ground.model(tokens=_SHORT, first=FIRST, per_second=PER_SECOND)
    with short as url, ground.site(SERVER, postgres=postgres, **env, **with_model(url)) as site:
        alone = asyncio.run(streaming.one_after_the_other(site, 1))
    with ground.model(tokens=TOKENS, first=FIRST, per_second=PER_SECOND) as url:
        with ground.app("relay", SERVER, BENCHMARK_MODEL=url) as app:
            bare_chats, bare_cost = asyncio.run(_most(ground, app, _relayed))
        with ground.site(SERVER, postgres=postgres, **env, **with_model(url)) as site:
            chats, cost = asyncio.run(_most(ground, site, _asked))
    with ground.app("echo", SERVER) as app:
        bare_socket = asyncio.run(sockets.memory(app, ground.of(sockets.IDLE, 50)))
    with ground.site(SERVER, "empty", postgres=postgres, **env) as site:
        socket, idle = asyncio.run(sockets.memory_and_load(ground, site))
    beyond = [(asked.first_text - asked.at - FIRST) * 1000 for asked in alone]
    last = number(measure.percentile(beyond, 0.95), "ms")
    return [
        at_most(f"{where}: first token beyond it, p50", statistics.median(beyond), 15, "ms", f"p95 {last}"),
        Row(
            f"  chats at once with a first token in {LONGEST:.0f} s (p95)",
            f"{chats:,}",
            f"relay {bare_chats:,}",
        ),
        at_most(
            f"  CPU s per 1,000 tokens, {CHATS} chats", cost, 0.035, "s", f"relay {number(bare_cost, 's')}"
        ),
        at_most("  idle socket", socket / 1e3, 40, "kB", f"bare ASGI {number(bare_socket / 1e3, 'kB')}"),
        at_most(f"  CPU of {sockets.CROWD:,} idle sockets", idle * 100, 4, "% of a core"),
    ]


_Wave = Callable[[Served, int], Awaitable[tuple[float, float]]]
"""So many chats, one after the other within the time of one answer: p95 of seconds to the first token beyond
the model's own, and CPU seconds per 1,000 tokens. Raises TimeoutError."""


async def _most(ground: Ground, served: Served, wave: _Wave) -> tuple[int, float]:
    """The highest level at which the first token comes in time, and what a token costs at `CHATS`."""
    most, at_chats = 0, 0.0
    for chats in LEVELS if not ground.quick else LEVELS[:1]:
        try:
            first, cost = await wave(served, chats)
        except TimeoutError:
            break
        if chats <= CHATS:
            at_chats = cost
        if first > LONGEST:
            break
        most = chats
    return most, at_chats


async def _asked(site: Served, chats: int) -> tuple[float, float]:
    _, first, cost = await streaming.steady(site, chats, 1)
    return first, cost


async def _relayed(app: Served, chats: int) -> tuple[float, float]:
    async def chat(place: int) -> float:
        await asyncio.sleep(place / chats * (TOKENS / PER_SECOND + FIRST))
        return (await streaming.relayed(app, 1))[0]

    before = measure.cpu_seconds(app.pid)
    firsts = await asyncio.gather(*(chat(place) for place in range(chats)))
    cost = (measure.cpu_seconds(app.pid) - before) / (chats * TOKENS) * 1000
    return measure.percentile(firsts, 0.95) - FIRST, cost
