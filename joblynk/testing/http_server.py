"""A small HTTP/1.1 server for fakes of outside services: real sockets, scripted behaviour, in a thread.

It speaks what a client library needs (keep-alive, chunked answers) and what a broken service does: end
in mid-body, reset, silence. It notices at once when the client goes away.
"""

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, cast

import orjson

from joblynk.testing import overheard

_REASONS = {200: "OK"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @cached_property
    def json(self) -> Any:
        """The parsed body; None when it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client. `write` sends bytes as they are; the others compose HTTP."""

    transport: asyncio.Transport

    def __init__(self, server: "FakeServer") -> None:
        self._server = server
        self._buffer = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._server.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answering is not None:
            if not self._closing:
                self._server.abandoned.put(time.monotonic())
            self._answering.cancel()
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._serve_next()

    def respond(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """A whole answer."""
        lines = {"content-type": "application/json", **(headers or {}), "content-length": str(len(body))}
        self.write(_head(status, lines) + body)

    def open(self, content_type: str = "text/event-stream") -> None:
        """The head of a chunked answer."""
        self.write(_head(200, {"content-type": content_type, "transfer-encoding": "chunked"}))

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def close(self) -> None:
        """End the connection after what was written, whether or not the body is complete."""
        self._closing = True
        self.transport.close()

    def reset(self) -> None:
        self._closing = True
        sock: socket.socket = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _serve_next(self) -> None:
        if self._answering is None and (request := self._take_request()) is not None:
            self._server.asked(request)
            self._answering = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        try:
            await self._server.answer(request, self)
        finally:
            self._answering = None
        self._serve_next()

    def _take_request(self) -> Request | None:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        method, path, _version = first.split(" ", 2)
        self._buffer = rest[length:]
        return Request(method, path, headers, bytes(rest[:length]))


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Trouble')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class FakeServer:
    """A context manager that serves on a free port of `host`. Subclasses implement `answer`."""

    host = "127.0.0.1"

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self.base_url = ""
        self.requests: list[Request] = []
        self.connections: set[Connection] = set()
        """The clients that are connected now."""
        self.abandoned: SimpleQueue[float] = SimpleQueue()
        """`time.monotonic()` of each client that left before its answer was complete."""
        self.accepted = 0
        """Connections so far."""
        self._changed = threading.Condition()

    async def answer(self, request: Request, connection: Connection) -> None:
        raise NotImplementedError

    def wait_until_alone(self, seconds: float) -> bool:
        """Whether every client is gone, now or within `seconds`."""
        return self.wait_until_at_most(0, seconds)

    def wait_until_at_most(self, clients: int, seconds: float) -> bool:
        """Whether no more than so many clients are connected, now or within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.connections) <= clients, seconds)

    def wait_for_request(self, seconds: float) -> bool:
        """Whether a request was read, now or within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self.requests), seconds)

    def asked(self, request: Request) -> None:
        overheard.note_request(request.headers, request.json)
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def in_loop(self, call: Callable[[], object]) -> None:
        """Make a call in the server's thread, and wait until it is done."""
        done = threading.Event()

        def run() -> None:
            call()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(10)

    def arrived(self, connection: Connection) -> None:
        self.accepted += 1
        self.connections.add(connection)

    def left(self, connection: Connection) -> None:
        with self._changed:
            self.connections.discard(connection)
            self._changed.notify_all()

    async def serve(self, started: Callable[[], object]) -> None:
        """Serve in the running loop until cancelled or stopped; `started` is called once it listens."""
        loop = asyncio.get_running_loop()
        self._loop, self._stopped = loop, asyncio.Event()
        server = await loop.create_server(lambda: Connection(self), self.host, self._port, backlog=2_048)
        host, port = server.sockets[0].getsockname()[:2]
        self.base_url = f"http://{host}:{port}"
        started()
        try:
            await self._stopped.wait()
        finally:
            server.close()
            for connection in list(self.connections):
                connection.transport.abort()

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve(started.set)), daemon=True)
        self._thread.start()
        if not started.wait(10):
            raise RuntimeError("The fake server did not start.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)


@dataclass
class Peer:
    """Answers each request, of any connection, with the next of `answers` byte by byte, in the loop of the
    test. It looks at no more of a request than its head."""

    answers: list[bytes]
    keep: bool = True
    """Whether the connection stays open behind the last answer."""
    base_url: str = ""
    accepted: int = 0
    requests: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """A client is gone."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.writers.append(writer)
        try:
            while self.answers:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.answers.pop(0))
            if self.keep:
                await reader.read()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.left.set()
            writer.close()


@asynccontextmanager
async def serving(
    *answers: bytes, keep: bool = True, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Peer]:
    peer = Peer(list(answers), keep)
    server = await asyncio.start_server(peer.serve, host, 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    peer.base_url = f"{'https' if tls else 'http'}://{name}:{port}"
    try:
        yield peer
    finally:
        server.close()
        for writer in peer.writers:
            writer.transport.abort()
