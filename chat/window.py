"""What one socket has been sent and has not yet confirmed.

Neither server says when a reader is slow: Daphne buffers without end. So the client reports with its
pings how many frames it has received, and this window counts the bytes beyond that.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

SOFT = 256 * 1024  # bytes beyond which deltas are no longer sent: the finished answer brings the text
HARD = 2 * 1024 * 1024  # bytes beyond which the socket is closed

Send = Callable[[str], Awaitable[None]]


class Outbound:
    """Frames on their way to one socket, in order, sent by a task of its own so that nobody waits for it."""

    def __init__(self, send: Send, overflow: Callable[[], Awaitable[None]]) -> None:
        self._send = send
        self._overflow = overflow
        self._queue: deque[str] = deque()
        self._sizes: deque[int] = deque()  # of frames sent or queued and not confirmed
        self._confirmed = 0
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, frame: str, *, droppable: bool = False) -> None:
        """Queue a frame. A droppable one is left out while the reader is behind."""
        if self._closed or (droppable and self._bytes > SOFT):
            return
        size = len(frame)
        self._sizes.append(size)
        self._bytes += size
        if self._bytes > HARD:
            self._closed = True
            self._queue.clear()
        else:
            self._queue.append(frame)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._drain())

    def confirm(self, received: int) -> None:
        """The client says how many frames this socket has received so far."""
        while self._confirmed < received and self._sizes:
            self._bytes -= self._sizes.popleft()
            self._confirmed += 1

    async def _drain(self) -> None:
        while self._queue:
            await self._send(self._queue.popleft())
        if self._closed:
            await self._overflow()

    async def aclose(self) -> None:
        self._closed = True
        self._queue.clear()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
