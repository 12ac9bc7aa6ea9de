"""An HTTP client for hundreds of answers at once: httpx, as the SDKs want it, over aiohttp's connections.

httpcore brings every chunk of a body, that is every token of an answer, up through ten generators, and
compares all connections of its pool with each other at every request: 39 ms of CPU for 1,000 tokens in 200
streams. aiohttp parses in C and hands on everything that has come at once: 16 ms.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

_MOST_CONNECTIONS = 1_000
# A TLS handshake costs a customer more than an idle socket costs us.
_IDLE_SECONDS = 30.0


def client(base_url: str, timeout: httpx.Timeout) -> httpx.AsyncClient:
    """A client for the running loop, through the proxy that the environment names for `base_url`.
    Redirects are not followed: they would carry a customer's words to another host."""
    return httpx.AsyncClient(
        transport=AiohttpTransport(environment_proxy(base_url)),
        timeout=timeout,
        follow_redirects=False,
        headers={"accept-encoding": "identity"},  # a compressor holds tokens back; decoded if it comes
    )


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Of httpx's timeouts, `connect` covers the wait for a place too, and `read` the whole head."""

    def __init__(self, proxy: str | None) -> None:
        self._proxy = proxy
        tls = httpx.create_ssl_context()
        tls.set_alpn_protocols(["http/1.1"])
        self._session = aiohttp.ClientSession(
            connector=_Connector(ssl=tls, limit=_MOST_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # httpx does that
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        seconds = request.extensions.get("timeout", {})
        connect, read = seconds.get("connect"), seconds.get("read")
        body = await request.aread()
        with _told_in_httpx():
            async with asyncio.timeout(None if connect is None or read is None else connect + read):
                response = await self._session.request(
                    request.method,
                    URL(str(request.url), encoded=True),
                    headers=request.headers.multi_items(),
                    data=io.BytesIO(body) if body else None,
                    allow_redirects=False,
                    proxy=self._proxy,
                    timeout=aiohttp.ClientTimeout(connect=connect),
                )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response, read))

    async def aclose(self) -> None:
        await self._session.close()


class _Connector(aiohttp.TCPConnector):
    async def _get(self, key: Any, traces: Any) -> Any:
        """A connection on which something came unasked would hand that to the next request."""
        for connection, _ in self._conns.get(key, ()):
            if connection.should_close:
                connection.close()
        return await super()._get(key, traces)


class _Body(httpx.AsyncByteStream):
    """Read to the end, it has given its connection back; else closing it closes the connection."""

    def __init__(self, response: aiohttp.ClientResponse, seconds: float | None) -> None:
        self._response = response
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._response.content
        while not content.at_eof():
            with _told_in_httpx():
                async with asyncio.timeout(self._seconds):
                    data = await content.readany()
            yield data

    async def aclose(self) -> None:
        self._response.close()


@contextmanager
def _told_in_httpx() -> Iterator[None]:
    """httpx's errors for aiohttp's, of which only the name is kept: their words may quote what was sent."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError:
        raise httpx.ConnectTimeout("No connection in time") from None
    except TimeoutError:
        raise httpx.ReadTimeout("Nothing more in time") from None
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
        raise httpx.ConnectError(type(error).__name__) from error
    except (
        aiohttp.ClientConnectionError,
        OSError,
        RuntimeError,
    ) as error:  # the last: read when it is closed
        raise httpx.ReadError(type(error).__name__) from error
    except aiohttp.ClientError as error:
        raise httpx.RemoteProtocolError(type(error).__name__) from error
    except ValueError as error:  # a header that would read as two, a host that no name can be
        raise httpx.LocalProtocolError(type(error).__name__) from error


def environment_proxy(url: str) -> str | None:
    """Neither httpx nor aiohttp reads HTTPS_PROXY and NO_PROXY for a connector of one's own."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
