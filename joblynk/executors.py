"""The two small thread pools of the live path, and how a coroutine enters them.

Django's async ORM and `database_sync_to_async` share one thread for all consumers: a query of one
second freezes every other socket for that second. Here database work has a few threads of its own
(`database`), and embedding plus index search has one (`compute`): ONNX and FAISS release the GIL and
use the cores themselves, so more threads would only fight over them.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

from joblynk import metrics

P = ParamSpec("P")
T = TypeVar("T")

_IDLE_SECONDS = 30.0
_last_use = threading.local()
_database: ThreadPoolExecutor | None = None
_compute: ThreadPoolExecutor | None = None


async def database(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a synchronous function that reads the database, outside the event loop. It is called once more
    when its connection turns out to be lost: after a restart of the database every thread has such a one."""
    global _database
    if _database is None:
        _database = ThreadPoolExecutor(settings.DATABASE_THREADS, thread_name_prefix="database")

    def call() -> T:
        _drop_stale_connections()
        try:
            return function(*args, **kwargs)
        except (InterfaceError, OperationalError):
            if not _drop_stale_connections():
                raise
            return function(*args, **kwargs)
        finally:
            _last_use.at = time.monotonic()

    return await asyncio.get_running_loop().run_in_executor(_database, call)


async def compute(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run embedding or index work in the one thread that is kept for it."""
    global _compute
    if _compute is None:
        _compute = ThreadPoolExecutor(1, thread_name_prefix="compute")
    with metrics.EMBED_QUEUE.track_inprogress():
        return await asyncio.get_running_loop().run_in_executor(_compute, lambda: function(*args, **kwargs))


def _drop_stale_connections() -> bool:
    """Whether one was dropped. Django's check costs a query where health checks are on, so it runs once
    after an idle time and after any error, not before every call."""
    idle = time.monotonic() - getattr(_last_use, "at", 0.0) > _IDLE_SECONDS
    dropped = False
    for connection in connections.all(initialized_only=True):
        if connection.connection is None or connection.in_atomic_block:
            continue
        if idle or connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()
            dropped |= connection.connection is None
    return dropped


def shutdown() -> None:
    """Wait for running work and let go of the threads; the next call starts new ones."""
    global _database, _compute
    for pool in (_database, _compute):
        if pool is not None:
            pool.shutdown(wait=True)
    _database = _compute = None
