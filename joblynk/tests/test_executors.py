"""The thread pools of the live path."""

import asyncio
import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection

from joblynk import executors, metrics


def ask(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def end(backend: int) -> None:
    try:
        ask(f"SELECT pg_terminate_backend({backend}, 5000)::int")
    finally:
        connection.close()


def test_a_restart_of_the_database_costs_no_reader_its_answer(transactional_db: None, settings: Any) -> None:
    if connection.vendor != "postgresql":
        return  # SQLite has no server that could restart
    executors.shutdown()
    settings.DATABASE_THREADS = 1

    async def read_again() -> int:
        served_by = await executors.database(ask, "SELECT pg_backend_pid()")
        await asyncio.to_thread(end, served_by)
        return await executors.database(ask, "SELECT 1")

    try:
        assert asyncio.run(read_again()) == 1
    finally:
        executors.shutdown()


def test_an_error_of_the_reader_itself_is_not_tried_again(transactional_db: None) -> None:
    calls: list[str] = []

    def broken() -> int:
        calls.append("")
        return ask("SELECT 1 FROM nowhere")

    with pytest.raises(DatabaseError, match="nowhere"):
        asyncio.run(executors.database(broken))
    executors.shutdown()
    assert len(calls) == 1


def test_what_waits_to_be_embedded_is_counted() -> None:
    def counted() -> float | None:
        return metrics.REGISTRY.get_sample_value("joblynk_embed_queue")

    async def four_at_once() -> float | None:
        go_on = threading.Event()
        waiting = [asyncio.ensure_future(executors.compute(go_on.wait, 30)) for _ in range(4)]
        await asyncio.sleep(0)
        seen = counted()
        go_on.set()
        await asyncio.gather(*waiting)
        return seen

    assert asyncio.run(four_at_once()) == 4
    assert counted() == 0
    executors.shutdown()
