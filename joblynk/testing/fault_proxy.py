"""A line that misbehaves, between any two ends: late, slow, cut, reset, or dead for whoever calls.

with FaultProxy("127.0.0.1", port) as line:
    line.latency = 0.3          # seconds, each way
    line.bytes_per_second = 2_000
    line.cut()                  # every connection ends; line.reset() does it with RST
    line.refusing = True        # and nobody gets through
"""

import asyncio
import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self

_PIECE = 4_096  # bytes


class FaultProxy:
    """Forwards TCP to (host, port) from `port` on 127.0.0.1, in a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)
        self.port = 0
        self.accepted = 0
        self.latency = 0.0
        self.bytes_per_second = 0.0
        self.refusing = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self) -> None:
        """End every connection, as a router does that is switched off."""
        self._loop.call_soon_threadsafe(self._end, False)

    def reset(self) -> None:
        """The same with RST, which a waiting reader takes for an error."""
        self._loop.call_soon_threadsafe(self._end, True)

    def _end(self, hard: bool) -> None:
        for writer in tuple(self._writers):
            if hard and (end := writer.get_extra_info("socket")) is not None:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        self._end(False)
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            if self.refusing:
                return
            there, back = await asyncio.open_connection(*self._target)
            self._writers.add(back)
            try:
                await asyncio.gather(self._pipe(reader, back), self._pipe(there, writer))
            finally:
                self._writers.discard(back)
                back.transport.abort()
        except (OSError, asyncio.CancelledError):  # asyncio would log the end of a stream's cancelled task
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pipe(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(_PIECE):
                if self.latency:
                    await asyncio.sleep(self.latency)
                target.write(data)
                await target.drain()
                if self.bytes_per_second:
                    await asyncio.sleep(len(data) / self.bytes_per_second)
        target.close()
