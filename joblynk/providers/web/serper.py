"""Web search by Serper (Google's results)."""

import asyncio
import logging
import time
from collections import OrderedDict

import httpx
import orjson

from joblynk.providers import http_pool
from joblynk.providers.errors import ProviderCode, ProviderError
from joblynk.providers.options import checked_host, checked_key
from joblynk.providers.per_loop import PerLoop
from joblynk.providers.types import WebResult
from joblynk.providers.web.cleaning import anonymous, plain, web_link

NAME = "serper"
_CACHED = 512
_CACHE_SECONDS = 600.0
_NO_CREDIT_SECONDS = 3_600.0
_TITLE = 200
_SNIPPET = 500
_PASSING: frozenset[ProviderCode] = frozenset({"timeout", "unreachable", "unavailable"})
_RETRYABLE = _PASSING | {"rate_limited"}
_BY_STATUS: dict[int, ProviderCode] = {401: "credentials", 403: "credentials", 429: "rate_limited"}

_log = logging.getLogger(__name__)


class SerperSearch:
    """Each of at most two tries takes `seconds`. Results are kept for ten minutes. When the credits are
    used up the service is left alone for an hour."""

    enabled = True

    def __init__(self, *, api_key: str, base_url: str, seconds: float = 5.0) -> None:
        self._headers = {
            "X-API-KEY": checked_key("SERPER_API_KEY", api_key),
            "Content-Type": "application/json",
        }
        self._url = checked_host("SERPER_BASE_URL", base_url, "https://google.serper.dev") + "/search"
        self._seconds = seconds
        self._no_credit_until = 0.0
        self._cache: OrderedDict[tuple[str, int], tuple[float, tuple[WebResult, ...]]] = OrderedDict()
        self._clients = PerLoop(self._connect, httpx.AsyncClient.aclose)

    async def search(self, query: str, limit: int) -> tuple[WebResult, ...]:
        """The best results first. Personal data never leaves: nothing is asked when nothing else is left."""
        words = anonymous(query)
        if not words or limit < 1:
            return ()
        if (found := self._cached((words, limit))) is not None:
            return found
        if time.monotonic() < self._no_credit_until:
            raise _failure("quota", "not enough credits")
        try:
            results = await self._ask(words, limit)
        except ProviderError as error:
            if error.code not in _PASSING:
                raise
            _log.warning("%s; trying again", error)
            results = await self._ask(words, limit)
        self._keep((words, limit), results)
        return results

    async def aclose(self) -> None:
        await self._clients.aclose()

    async def _ask(self, words: str, limit: int) -> tuple[WebResult, ...]:
        code: ProviderCode
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._clients.get().post(
                    self._url, content=orjson.dumps({"q": words, "num": limit}), headers=self._headers
                )
            return self._read(response, limit)
        except (TimeoutError, httpx.TimeoutException):
            code = "timeout"
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError):
            code = "unreachable"
        except ValueError:  # a body that is not JSON, a key that is no header
            code = "bad_answer"
        raise _failure(code)  # outside the handlers: their errors may quote the key

    def _read(self, response: httpx.Response, limit: int) -> tuple[WebResult, ...]:
        """Raises `ProviderError`, or `ValueError` when the body is not JSON."""
        status = response.status_code
        if status != 200:
            raise self._status_failure(response)
        answer = orjson.loads(response.content)
        organic = answer.get("organic") if isinstance(answer, dict) else None
        if organic is None and isinstance(answer, dict):
            return ()  # any part may be missing
        if not isinstance(organic, list):
            raise _failure("bad_answer", "no list of results")
        results = (_result(item) for item in organic if isinstance(item, dict))
        return tuple(result for result in results if result is not None)[:limit]

    def _status_failure(self, response: httpx.Response) -> ProviderError:
        status = response.status_code
        if status in (400, 402) and b"credit" in response.content[:1_000].lower():
            self._no_credit_until = time.monotonic() + _NO_CREDIT_SECONDS
            return _failure("quota", "not enough credits")
        code = "unavailable" if status >= 500 else _BY_STATUS.get(status, "rejected")
        return _failure(code, str(status))

    def _cached(self, key: tuple[str, int]) -> tuple[WebResult, ...] | None:
        until, results = self._cache.get(key, (0.0, ()))
        return results if time.monotonic() < until else None

    def _keep(self, key: tuple[str, int], results: tuple[WebResult, ...]) -> None:
        self._cache.pop(key, None)
        self._cache[key] = (time.monotonic() + _CACHE_SECONDS, results)
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)

    def _connect(self) -> httpx.AsyncClient:
        return http_pool.client(self._url, httpx.Timeout(self._seconds))


def _result(item: dict[str, object]) -> WebResult | None:
    link, title = web_link(item.get("link")), plain(item.get("title"), _TITLE)
    if not link:
        return None
    snippet = plain(item.get("snippet"), _SNIPPET)
    return WebResult(title or link, link, snippet, plain(item.get("date"), 40)) if snippet else None


def _failure(code: ProviderCode, detail: str = "") -> ProviderError:
    return ProviderError(NAME, code, retryable=code in _RETRYABLE, detail=detail)
