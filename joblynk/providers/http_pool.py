"""An HTTP client for hundreds of answers at once.

httpcore compares every connection of its pool with every other one whenever a request starts or ends:
with 200 streams that is four fifths of the whole cost of reading them. Here each connection is a pool
of one, and the pools wait in a stack, so that a quiet site keeps using the same warm connection.
"""

import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from joblynk.providers.http_connection import HttpConnection

_MOST_CONNECTIONS = 1_000
_MOST_IDLE = 200
# A TLS handshake costs a customer more than an idle socket costs us.
_IDLE_SECONDS = 30.0
_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_IDLE_SECONDS)


class StackedTransport(httpx.AsyncBaseTransport):
    """Raises `httpx.PoolTimeout` at once for the 1,001st request, instead of letting it queue, and
    `httpx.LocalProtocolError` for a request to any other host than that of `base_url`."""

    def __init__(self, base_url: str) -> None:
        self._origin = _origin(httpx.URL(base_url))
        self._proxy = environment_proxy(base_url)
        # Reading the certificates takes 20 ms, so once; a plain address needs none and trusts nobody.
        plain = urlsplit(base_url).scheme == "http"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx.create_ssl_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self._idle: deque[tuple[float, httpx.AsyncBaseTransport]] = deque()  # since when; oldest first
        self._busy: set[httpx.AsyncBaseTransport] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if _origin(request.url) != self._origin:
            raise httpx.LocalProtocolError("A request to another host")
        await self._close_idle()  # first: a network may have forgotten the old ones without a word
        connection = self._take()
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            await self.discard(connection)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - an async transport's
        stream = _ReturningStream(response.stream, self, connection)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    async def aclose(self) -> None:
        connections = [*self._busy, *(connection for _, connection in self._idle)]
        self._busy.clear()
        self._idle.clear()
        for connection in connections:
            await connection.aclose()

    def _take(self) -> httpx.AsyncBaseTransport:
        if self._idle:
            _, connection = self._idle.pop()
        elif len(self._busy) < _MOST_CONNECTIONS:
            connection = self._new()
        else:
            raise httpx.PoolTimeout(f"{_MOST_CONNECTIONS} requests are running")
        self._busy.add(connection)
        return connection

    def _new(self) -> httpx.AsyncBaseTransport:
        if self._proxy is None:
            return HttpConnection(self._tls)
        return httpx.AsyncHTTPTransport(verify=self._tls, limits=_ONE, proxy=self._proxy)

    async def give_back(self, connection: httpx.AsyncBaseTransport) -> None:
        if connection in self._busy:
            self._busy.discard(connection)
            self._idle.append((time.monotonic(), connection))
        else:  # after aclose(), which may have found it still connecting
            await connection.aclose()

    async def discard(self, connection: httpx.AsyncBaseTransport) -> None:
        """A request that was cut short must not leave the next one a connection in doubt."""
        self._busy.discard(connection)
        await connection.aclose()

    async def _close_idle(self) -> None:
        """The service has hung up on these, or soon will; nobody else lets go of their sockets."""
        oldest = time.monotonic() - _IDLE_SECONDS
        while self._idle and (len(self._idle) > _MOST_IDLE or self._idle[0][0] < oldest):
            _, connection = self._idle.popleft()
            await connection.aclose()


class _ReturningStream(httpx.AsyncByteStream):
    """A response body that gives its connection back when it was read to the end, else closes it."""

    def __init__(
        self, stream: httpx.AsyncByteStream, owner: StackedTransport, connection: httpx.AsyncBaseTransport
    ) -> None:
        self._stream = stream
        self._owner = owner
        self._connection = connection
        self._complete = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part
        self._complete = True

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        except BaseException:
            # Cancelled in there, httpcore takes the request for a running one for ever.
            self._complete = False
            raise
        finally:
            if self._complete:
                await self._owner.give_back(self._connection)
            else:
                await self._owner.discard(self._connection)


def client(base_url: str, timeout: httpx.Timeout) -> httpx.AsyncClient:
    """A client for the host of `base_url`, through the proxy that the environment names for it.
    Redirects are not followed: they would carry a customer's words to another host."""
    return httpx.AsyncClient(
        transport=StackedTransport(base_url),
        timeout=timeout,
        follow_redirects=False,
        headers={"accept-encoding": "identity"},  # a compressor holds tokens back; decoded if it comes
    )


def environment_proxy(url: str) -> str | None:
    """httpx reads HTTPS_PROXY and NO_PROXY only for transports of its own."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port
