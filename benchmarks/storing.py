"""Messages stored a second by 100 writers at once, beside Django's own `acreate` on the same database."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.ground import Ground
from benchmarks.report import Row, at_least, at_most, number
from joblynk.testing.servers import create_database, drop_database

WRITERS = 100
TEXT = "How do I change the e-mail address of my account? I no longer have the old one. " * 2
_POOL = {"min_size": 4, "max_size": 20}


def rows(ground: Ground) -> list[Row]:
    found = _rows(ground, "SQLite", ground.sites.copy(), {}, 1)
    folder, name = ground.sites.copy(), "joblynk_benchmark"
    env = {"DATABASE_URL": create_database(ground.postgres(), name)}
    try:
        return found + _rows(ground, "PostgreSQL", folder, env, 2)
    finally:
        drop_database(ground.postgres(), name)


def _rows(ground: Ground, database: str, folder: Path, env: dict[str, str], goal: float) -> list[Row]:
    seconds = ground.of(5, 1)
    ground.measured("benchmarks.storing:migrate", folder, env)
    acreate = ground.measured("benchmarks.storing:acreate", folder, env, seconds=seconds, pooled=goal == 2)
    ours = ground.measured("benchmarks.storing:ours", folder, env, seconds=seconds)
    what = f"messages stored with their events, {WRITERS} writers, {database}"
    kind = "pooled acreate" if goal == 2 else "acreate"
    return [
        Row(
            what, number(ours["rate"], "/s"), f"{kind}, one row and no event {number(acreate['rate'], '/s')}"
        ),
        at_least(f"  share of {kind}", ours["rate"] / acreate["rate"], goal, "×"),
        at_most("  p99", ours["p99"] * 1000, 100, "ms", number(acreate["p99"] * 1000, "ms")),
        at_most("  errors", ours["errors"], 0, "", number(acreate["errors"], "")),
    ]


def migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def ours(seconds: float) -> dict[str, float]:
    """Every writer is a conversation: a question with its pending answer, then the finished answer with
    its sources. Two messages a turn."""
    from django.conf import settings
    from django.utils import timezone

    from chat import transcripts
    from chat.models import Source
    from chat.transcripts import Accepted, NewQuestion, Outcome
    from chat.turns import LEASE
    from chat.writer import Writer

    def source(rank: int) -> Source:
        return Source(
            rank=rank, number=rank, kind="document", title="A guide", quote=TEXT, source_id=1, chunk_id=1
        )

    async def run() -> dict[str, float]:
        writer = Writer(settings.WRITER_THREADS)
        conversations = await asyncio.to_thread(_conversations)

        async def turn(place: int, clock: Callable[[Awaitable[Any]], Awaitable[Any]]) -> int:
            now, conversation = timezone.now(), conversations[place]
            question = NewQuestion(conversation, uuid.uuid4(), TEXT, "benchmark", now, now + LEASE)
            accepted = await clock(writer.write(transcripts.add_questions, question))
            assert isinstance(accepted, Accepted)
            assert accepted.answer_id is not None
            outcome = Outcome(
                conversation, accepted.answer_id, "stop", timezone.now(),
                text=TEXT * 3, html=f"<p>{TEXT * 3}</p>", mode="llm", sources=(source(1), source(2)),
            )  # fmt: skip
            await clock(writer.write(transcripts.finish_answers, outcome))
            return 2

        found = await _writers(turn, seconds)
        await writer.aclose()
        return found

    return asyncio.run(run())


def _conversations() -> list[uuid.UUID]:
    from django.utils import timezone

    from chat import transcripts

    views = [
        transcripts.open_conversation(uuid.uuid4().hex, None, timezone.now(), "", "") for _ in range(WRITERS)
    ]
    return [view.id for view in views if view is not None]


def acreate(seconds: float, pooled: bool) -> dict[str, float]:
    """One message a call, as an async view would; the connection is kept, or taken from a pool."""
    from django.db import connections
    from django.utils import timezone

    from chat.models import Conversation, Message

    if pooled:
        settings = connections["default"].settings_dict
        settings["CONN_MAX_AGE"] = 0
        settings["CONN_HEALTH_CHECKS"] = False
        settings.setdefault("OPTIONS", {})["pool"] = _POOL

    async def run() -> dict[str, float]:
        now = timezone.now()
        rows = [
            await Conversation.objects.acreate(visitor=uuid.uuid4().hex, created_at=now, updated_at=now)
            for _ in range(WRITERS)
        ]

        async def message(place: int, clock: Callable[[Awaitable[Any]], Awaitable[Any]]) -> int:
            await clock(
                Message.objects.acreate(
                    conversation=rows[place],
                    role="user",
                    text=TEXT,
                    client_message_id=uuid.uuid4(),
                    created_at=now,
                )
            )
            return 1

        return await _writers(message, seconds)

    return asyncio.run(run())


async def _writers(write: Callable[..., Awaitable[int]], seconds: float) -> dict[str, float]:
    """`write` again and again in `WRITERS` tasks: messages a second, p99 of one call, and failures."""
    waits: list[float] = []
    stored = errors = 0

    async def clock(call: Awaitable[Any]) -> Any:
        began = time.perf_counter()
        result = await call
        waits.append(time.perf_counter() - began)
        return result

    async def writer(place: int, until: float) -> None:
        nonlocal stored, errors
        while time.perf_counter() < until:
            try:
                count = await write(place, clock)
                stored += count
            except Exception:  # noqa: BLE001 - counted, whatever it was
                errors += 1

    await asyncio.gather(*(writer(place, time.perf_counter() + 0.3) for place in range(WRITERS)))  # warm
    waits.clear()
    stored, began = 0, time.perf_counter()
    await asyncio.gather(*(writer(place, began + seconds) for place in range(WRITERS)))
    rate = stored / (time.perf_counter() - began)
    return {"rate": rate, "p99": measure.percentile(waits, 0.99), "errors": errors}
