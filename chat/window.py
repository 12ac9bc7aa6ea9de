"""What one socket has been sent and has not yet confirmed.

Neither server says when a reader is slow: Daphne buffers without end. So the client reports with its
pings how many frames it has received, and this window counts the bytes beyond that.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

SOFT = 256 * 1024  # bytes beyond which deltas are no longer sent: the finished answer brings the text
HARD = 2 * 1024 * 1024  # bytes beyond which the socket is closed

Send = Callable[[str], Awaitable[None]]


class Outbound:
    """Frames on their way to one socket, in order. What others put there is sent by a task, so that nobody
    waits for a reader; who answers its own reader says `flush`, which costs no task."""

    def __init__(self, send: Send, overflow: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._send = send
        self._overflow = overflow
        self._queue: deque[str] = deque()
        self._sizes: deque[int] = deque()  # of frames sent or queued and not confirmed
        self._confirmed = 0
        self._bytes = 0
        self._sending = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def put(self, frame: str, *, droppable: bool = False) -> None:
        """Queue a frame, and see that it is sent. A droppable one is left out while the reader is behind."""
        if self._closed or (droppable and self._bytes > SOFT):
            return
        self.reply(frame)
        if not self._sending and not self._closed:
            self._sending = True
            self._spawn(self._drain())

    def reply(self, frame: str) -> None:
        """Queue a frame that `flush` will send."""
        if self._closed:
            return
        size = len(frame)
        self._sizes.append(size)
        self._bytes += size
        self._queue.append(frame)
        if self._bytes > HARD:
            self._closed = True
            self._queue.clear()
            # Beside a send that may be waiting for this very reader.
            self._spawn(self._overflow())

    async def flush(self) -> None:
        """Send what is queued, unless somebody is doing that already."""
        if not self._sending:
            self._sending = True
            await self._drain()

    def confirm(self, received: int) -> None:
        """The client says how many frames this socket has received so far."""
        while self._confirmed < received and self._sizes:
            self._bytes -= self._sizes.popleft()
            self._confirmed += 1

    async def _drain(self) -> None:
        try:
            while self._queue:
                await self._send(self._queue.popleft())
        finally:
            self._sending = False

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        self._closed = True
        self._queue.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
