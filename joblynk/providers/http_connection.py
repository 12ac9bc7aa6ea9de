"""One HTTP/1.1 connection that hands on a streamed body as it comes off the socket.

httpx reads through httpcore and h11, which bring every chunk of a body, that is every token of an answer,
up through ten generators: 50 µs each, half of what the whole relay costs. Here all chunks that one read
brought are taken out of their framing together.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import httpx

_READ = 65_536  # bytes at most in one read, and in a head
_LONGEST = 1_048_576  # bytes of one chunk
_OTHER_ADDRESS_SECONDS = 0.5  # a network without a way to the first address often only swallows the attempt
_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: .*)?")
_TARGET = re.compile(rb"[!-~]+")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[^\x00\r\n]*")
_LENGTH = re.compile(r"[0-9]{1,15}")
_FOLD = re.compile(rb"\r\n[ \t]+")


class HttpConnection(httpx.AsyncBaseTransport):
    """One request at a time, all to one host; connects at the first, and again when the other side has hung
    up. What was sent once is never sent again: only the caller knows whether that does harm."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        seconds = request.extensions.get("timeout", {})
        message = _message(request, await request.aread())
        if self._reader is not None and not _is_quiet(self._reader):
            self.close()
        try:
            async with asyncio.timeout(seconds.get("connect")):
                reader, writer = await self._connected(request.url)
        except TimeoutError:
            raise httpx.ConnectTimeout("No connection in time") from None
        except (OSError, UnicodeError) as error:  # the latter from a name that no host can have
            raise httpx.ConnectError(type(error).__name__) from error
        try:
            async with asyncio.timeout(seconds.get("read")):
                if writer.is_closing():  # uvloop's RuntimeError for it would say less
                    raise ConnectionResetError
                # Not drained first: a refusal may come before all of the request was taken.
                writer.write(message)
                head = await _read_head(reader)
        except TimeoutError:
            raise httpx.ReadTimeout("No answer in time") from None
        except OSError as error:
            raise httpx.ReadError(type(error).__name__) from error
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise httpx.RemoteProtocolError("The head of the answer is incomplete or too long") from error
        stream = _Body(self, reader, head, _framing(request.method, head), seconds.get("read"))
        return httpx.Response(head.status, headers=head.headers, stream=stream)

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """At once: the other side need not be told more than that we are gone."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    def settle(self, keep: bool) -> None:
        """After an answer: close unless the connection may `keep` serving and has sent all it was given."""
        if not keep or self._writer is None or self._writer.transport.get_write_buffer_size():
            self.close()

    async def _connected(self, url: httpx.URL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await _open(url, self._tls if url.scheme == "https" else None)
        return self._reader, self._writer


async def _open(
    url: httpx.URL, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """uvloop has no `happy_eyeballs_delay`, so the addresses are tried in turn here."""
    host = url.raw_host.decode("ascii")
    port = url.port or (443 if tls else 80)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    sock = await _reached([(family, address) for family, _, _, _, address in found])
    try:
        return await asyncio.open_connection(
            sock=sock, ssl=tls, server_hostname=host if tls else None, limit=_READ
        )
    except BaseException:
        # Not closed: a transport that still has it would then listen to the number of somebody else's.
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        raise


async def _reached(addresses: Sequence[tuple[int, tuple[object, ...]]]) -> socket.socket:
    """A socket to the first address that takes it, one of each family before any other. Raises `OSError`
    of the last, which alone may take its time."""
    first = list({family: (family, address) for family, address in reversed(addresses)}.values())[::-1]
    ordered = [*first, *(each for each in addresses if each not in first)]
    for family, address in ordered[:-1]:
        with suppress(OSError):
            return await _socket_to(family, address, _OTHER_ADDRESS_SECONDS)
    return await _socket_to(*ordered[-1], None)


async def _socket_to(family: int, address: tuple[object, ...], seconds: float | None) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_quiet(reader: asyncio.StreamReader) -> bool:
    """Whether a connection at rest is open and silent. What came unasked (a 408 before hanging up, a second
    answer) would be taken for the answer to the next request. Without a pause: nothing may happen between
    this and that request."""
    reading = reader.read(1)
    try:
        reading.send(None)
    except (StopIteration, OSError):
        return False
    reading.close()
    return True


class _Head(NamedTuple):
    version: int  # the minor one
    status: int
    headers: httpx.Headers

    @property
    def keeps_open(self) -> bool:
        """Not after two lengths either: whoever sends both may be led to end an answer at the other one."""
        both = "transfer-encoding" in self.headers and "content-length" in self.headers
        return self.version == 1 and not both and "close" not in self.headers.get("connection", "").lower()


class _Body(httpx.AsyncByteStream):
    """Raises `httpx.RemoteProtocolError` when the body ends before it is complete."""

    def __init__(
        self,
        connection: HttpConnection,
        reader: asyncio.StreamReader,
        head: _Head,
        framing: "_Framing",
        seconds: float | None,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._head = head
        self._framing = framing
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        framing = self._framing
        while not framing.complete:
            data = await self._read()
            if not data and not isinstance(framing, _UntilClosed):
                raise httpx.RemoteProtocolError("The body is incomplete")
            for part in framing.feed(data):
                yield part
        self._connection.settle(keep=self._head.keeps_open and not framing.spoilt)

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._reader.read(_READ)
        except TimeoutError:
            raise httpx.ReadTimeout("Nothing more in time") from None
        except OSError as error:
            raise httpx.ReadError(type(error).__name__) from error


# --- Framing -----------------------------------------------------------------------------------


class _Chunked:
    """`feed` takes bytes as they come and gives what they complete, also when what follows is broken."""

    def __init__(self) -> None:
        self.complete = self.spoilt = False
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        buffer, place = self._rest + data, 0
        parts: list[bytes] = []
        problem = ""
        while (line := buffer.find(b"\r\n", place)) >= 0:
            match = _SIZE.fullmatch(buffer, place, line)
            if match is None:
                problem = "No chunk size"
                break
            size = int(match[1], 16)
            if size == 0:
                end = buffer.find(b"\r\n\r\n", line)  # behind trailers, if there are any
                self.complete = end >= 0
                self.spoilt = self.complete and len(buffer) > end + 4
                break
            end = line + 2 + size
            if size > _LONGEST or (len(buffer) >= end + 2 and buffer[end : end + 2] != b"\r\n"):
                problem = "A chunk of another size"
                break
            if len(buffer) < end + 2:
                break
            parts.append(buffer[line + 2 : end])
            place = end + 2
        self._rest = buffer[place:]
        if len(self._rest) > _LONGEST + _READ:
            problem = "A chunk without an end"
        if parts:
            yield b"".join(parts)
        if problem:
            raise httpx.RemoteProtocolError(problem)


class _Counted:
    def __init__(self, size: int) -> None:
        self._left = size
        self.complete, self.spoilt = size == 0, False

    def feed(self, data: bytes) -> Iterator[bytes]:
        part = data[: self._left]
        self._left -= len(part)
        self.complete, self.spoilt = self._left == 0, len(data) > len(part)
        yield part


class _UntilClosed:
    complete = False
    spoilt = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        self.complete = not data
        yield data


_Framing = _Chunked | _Counted | _UntilClosed


def _framing(method: str, head: _Head) -> _Framing:
    if method == "HEAD" or head.status in (204, 304):
        return _Counted(0)
    if (coding := head.headers.get("transfer-encoding")) is not None:
        if coding.lower() != "chunked" or head.version == 0:
            raise httpx.RemoteProtocolError("Another transfer coding than chunked")
        return _Chunked()
    if (size := head.headers.get("content-length")) is None:
        return _UntilClosed()
    if not _LENGTH.fullmatch(size):
        raise httpx.RemoteProtocolError("No length")
    return _Counted(int(size))


# --- Heads -------------------------------------------------------------------------------------


def _message(request: httpx.Request, body: bytes) -> bytes:
    """The whole request. Raises `httpx.LocalProtocolError` for what would read as more than one."""
    method, target = request.method.encode("ascii", "replace"), request.url.raw_path
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("Neither a method nor an address")
    fields = request.headers.raw
    if not all(_TOKEN.fullmatch(name) and _VALUE.fullmatch(value) for name, value in fields):
        raise httpx.LocalProtocolError("Not a header")
    if "transfer-encoding" in request.headers:
        raise httpx.LocalProtocolError("A body is sent in one piece, with its length")
    lines = [b"%b %b HTTP/1.1" % (method, target), *(b"%b: %b" % field for field in fields)]
    return b"\r\n".join((*lines, b"", body))


async def _read_head(reader: asyncio.StreamReader) -> _Head:
    """The head of the answer, after any that are only on the way to it (1xx)."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
        first, *lines = _FOLD.sub(b" ", head).split(b"\r\n")
        match = _STATUS.fullmatch(first)
        fields = [line.partition(b":") for line in lines]
        if match is None or not all(
            _TOKEN.fullmatch(name) and colon and _VALUE.fullmatch(value) for name, colon, value in fields
        ):
            raise httpx.RemoteProtocolError("Not an answer in HTTP/1.1")
        if (status := int(match[2])) >= 200:
            headers = httpx.Headers([(name, value.strip(b" \t")) for name, _, value in fields])
            return _Head(int(match[1]), status, headers)
        if status == 101:
            raise httpx.RemoteProtocolError("Another protocol, unasked")
