"""Group commit: what many conversations want stored at the same moment goes into one transaction.

A commit costs far more than the rows in it (SQLite syncs, PostgreSQL waits for a round trip), so one
thread takes everything that has gathered while the last transaction ran. A caller is answered after the
commit, never before. A batch that fails is halved until what poisoned it stands alone, and a batch in which
somebody else holds a row is halved likewise: only those who need that row wait for it, each in a thread
of its own, while the others go on.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import close_old_connections, connection, connections, transaction

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH = 256
PATIENCE = 0.02  # seconds that a batch may wait for a row, and the next batch for this one


@dataclass(slots=True)
class _Job:
    write: Callable[[Sequence[Any]], list[Any]]
    item: Any
    done: asyncio.Future[Any]


class Writer:
    """Belongs to one event loop. `write` functions take a list of items and return a list as long; they may
    be called again with the same items. `threads`: 1 where the database has one writer anyway."""

    def __init__(self, threads: int = 1) -> None:
        self._waiting: list[_Job] = []
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="writer")
        self._running: asyncio.Task[None] | None = None
        self._storing: set[asyncio.Task[None]] = set()

    async def write(self, write: Callable[[Sequence[Item]], list[Result]], item: Item) -> Result:
        """Store one item. Returns after its commit, or raises what storing it alone raised."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        self._waiting.append(_Job(write, item, done))
        if self._running is None or self._running.done():
            self._running = loop.create_task(self._drain())
        return await done

    async def call(self, function: Callable[[], Result]) -> Result:
        """A write that is rare enough to go alone."""

        def alone() -> Result:
            close_old_connections()  # one that the database has ended would fail for ever
            return function()

        return await asyncio.get_running_loop().run_in_executor(self._pool, alone)

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            storing = asyncio.get_running_loop().create_task(self._store(batch))
            self._storing.add(storing)
            storing.add_done_callback(self._storing.discard)
            await asyncio.wait([storing], timeout=PATIENCE if self._threads > 1 else None)
            if len(self._storing) >= self._threads:
                await asyncio.wait(self._storing, return_when=asyncio.FIRST_COMPLETED)

    async def _store(self, batch: list[_Job]) -> None:
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._pool, _commit, batch)
        except Exception as error:  # noqa: BLE001 - whatever it was, every item gets its own verdict
            if len(batch) == 1:
                _settle(batch[0], error)
                return
            half = len(batch) // 2
            await asyncio.gather(self._store(batch[:half]), self._store(batch[half:]))
            return
        for job, result in zip(batch, results, strict=True):
            _settle(job, result)

    async def aclose(self) -> None:
        """Store what waits, then let go of the threads and their connections."""
        if self._running is not None:
            await self._running
        if self._storing:
            await asyncio.wait(self._storing)
        await asyncio.gather(*(self.call(connections.close_all) for _ in range(self._threads)))
        self._pool.shutdown(wait=False)


def _settle(job: _Job, result: Any) -> None:
    if job.done.done():
        return  # the caller has gone; its row is stored all the same
    if isinstance(result, Exception):
        job.done.set_exception(result)
    else:
        job.done.set_result(result)


def _commit(batch: Sequence[_Job]) -> list[Any]:
    """All of it in one transaction; results in batch order. Functions are called in the order in which
    they first appear."""
    close_old_connections()
    places: dict[Callable[[Sequence[Any]], list[Any]], list[int]] = {}
    for place, job in enumerate(batch):
        places.setdefault(job.write, []).append(place)
    results: list[Any] = [None] * len(batch)
    with transaction.atomic():
        if len(batch) > 1:
            _refuse_to_wait()
        for write, indexes in places.items():
            for place, result in zip(indexes, write([batch[i].item for i in indexes]), strict=True):
                results[place] = result
    return results


def _refuse_to_wait() -> None:
    """SQLite locks the whole database, so there is nobody to leave behind."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {int(PATIENCE * 1000)}")
