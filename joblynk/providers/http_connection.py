"""One HTTP/1.1 connection that hands on a streamed body as it comes off the socket.

httpx reads through httpcore and h11, which bring every chunk of a body, that is every token of an answer,
up through ten generators: 50 µs each, half of what the whole relay costs. Here all chunks that one read
brought are taken out of their framing together.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator

import httpx

_READ = 65_536  # bytes at most in one read
_LONGEST = 1_048_576  # bytes of a head or of one chunk
_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: .*)?")


class HttpConnection(httpx.AsyncBaseTransport):
    """One request at a time; connects at the first, and again when the other side has hung up."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        seconds = request.extensions.get("timeout", {})
        message = _head(request) + await request.aread()
        if self._reader is not None and self._reader.at_eof():
            self.close()
        try:
            async with asyncio.timeout(seconds.get("connect")):
                reader, writer = await self._connected(request.url)
        except TimeoutError:
            raise httpx.ConnectTimeout("No connection in time") from None
        except OSError as error:
            raise httpx.ConnectError(type(error).__name__) from error
        try:
            async with asyncio.timeout(seconds.get("read")):
                writer.write(message)
                await writer.drain()
                status, headers = await _read_head(reader)
        except TimeoutError:
            raise httpx.ReadTimeout("No answer in time") from None
        except OSError as error:
            raise httpx.ReadError(type(error).__name__) from error
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise httpx.RemoteProtocolError("The head of the answer is incomplete") from error
        return httpx.Response(
            status, headers=headers, stream=_Body(self, reader, headers, seconds.get("read"))
        )

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """At once: the other side need not be told more than that we are gone."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def _connected(self, url: httpx.URL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            secure = url.scheme == "https"
            self._reader, self._writer = await asyncio.open_connection(
                url.host,
                url.port or (443 if secure else 80),
                ssl=self._tls if secure else None,
                limit=_LONGEST,
            )
        return self._reader, self._writer


class _Body(httpx.AsyncByteStream):
    """Raises `httpx.RemoteProtocolError` when the body ends before it is complete."""

    def __init__(
        self,
        connection: HttpConnection,
        reader: asyncio.StreamReader,
        headers: httpx.Headers,
        seconds: float | None,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._headers = headers
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        framing = _framing(self._headers)
        while not framing.complete:
            data = await self._read()
            if not data and not isinstance(framing, _UntilClosed):
                raise httpx.RemoteProtocolError("The body is incomplete")
            for part in framing.feed(data):
                yield part
        if framing.spoilt or "close" in self._headers.get("connection", "").lower():
            self._connection.close()

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


def _framing(headers: httpx.Headers) -> _Chunked | _Counted | _UntilClosed:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _Chunked()
    if (size := headers.get("content-length")) is None:
        return _UntilClosed()
    if not size.isdecimal():
        raise httpx.RemoteProtocolError("No length")
    return _Counted(int(size))


# --- Heads -------------------------------------------------------------------------------------


def _head(request: httpx.Request) -> bytes:
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b" % field for field in request.headers.raw]
    if any(b"\n" in line or b"\r" in line for line in lines):
        raise httpx.LocalProtocolError("A line break in a header")
    return b"\r\n".join((*lines, b"", b""))


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, httpx.Headers]:
    """Status and headers of the answer, after any that are only on the way to it (1xx)."""
    while True:
        first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        match = _STATUS.fullmatch(first)
        fields = [line.partition(b":") for line in lines]
        if match is None or any(not name or not colon for name, colon, _ in fields):
            raise httpx.RemoteProtocolError("Not an answer in HTTP/1.1")
        if (status := int(match[1])) >= 200:
            return status, httpx.Headers([(name, value.strip()) for name, _, value in fields])
