"""Group commit: what many conversations want stored at the same moment goes into one transaction.

A commit costs far more than the rows in it (SQLite syncs, PostgreSQL waits for a round trip), and SQLite
has one writer anyway. So one thread takes everything that has gathered while the last transaction ran.
A caller is answered after the commit, never before. When a batch fails, its items are tried one by one,
so a poisoned item fails alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import close_old_connections, connections, transaction

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH = 256


@dataclass(slots=True)
class _Job:
    write: Callable[[Sequence[Any]], list[Any]]
    item: Any
    done: asyncio.Future[Any]


class Writer:
    """Belongs to one event loop. `write` functions take a list of items and return a list as long."""

    def __init__(self) -> None:
        self._waiting: list[_Job] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._running: asyncio.Task[None] | None = None

    async def write(self, write: Callable[[Sequence[Item]], list[Result]], item: Item) -> Result:
        """Store one item. Returns after its commit, or raises what storing it alone raised."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        self._waiting.append(_Job(write, item, done))
        if self._running is None or self._running.done():
            self._running = loop.create_task(self._drain())
        return await done

    async def call(self, function: Callable[[], Result]) -> Result:
        """A write that is rare enough to go alone; it takes its turn in the same thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            results = await loop.run_in_executor(self._pool, _store, [(job.write, job.item) for job in batch])
            for job, result in zip(batch, results, strict=True):
                if job.done.done():
                    continue  # the caller has gone; its row is stored all the same
                if isinstance(result, BaseException):
                    job.done.set_exception(result)
                else:
                    job.done.set_result(result)

    async def aclose(self) -> None:
        """Store what waits, then let go of the thread and its connection."""
        if self._running is not None:
            await self._running
        await self.call(connections.close_all)
        self._pool.shutdown(wait=False)


_Work = tuple[Callable[[Sequence[Any]], list[Any]], Any]


def _store(batch: list[_Work]) -> list[Any]:
    close_old_connections()
    try:
        with transaction.atomic():
            return _store_together(batch)
    except Exception as error:  # noqa: BLE001 - whatever it was, every item gets its own verdict
        return [error] if len(batch) == 1 else [_store_alone(work) for work in batch]


def _store_together(batch: list[_Work]) -> list[Any]:
    """One call per function, in the order in which the functions first appear; results in batch order."""
    places: dict[Callable[[Sequence[Any]], list[Any]], list[int]] = {}
    for place, (write, _) in enumerate(batch):
        places.setdefault(write, []).append(place)
    results: list[Any] = [None] * len(batch)
    for write, indexes in places.items():
        for place, result in zip(indexes, write([batch[i][1] for i in indexes]), strict=True):
            results[place] = result
    return results


def _store_alone(work: _Work) -> Any:
    close_old_connections()
    try:
        return work[0]([work[1]])[0]
    except Exception as error:  # noqa: BLE001 - handed to the caller as it is
        return error
