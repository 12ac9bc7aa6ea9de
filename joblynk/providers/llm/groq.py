"""Answers written by a Groq model.

The SDK brings authentication, addresses and its error classes; retries and the choice of the model
are ours, because the SDK sleeps up to 60 s on a `retry-after` and knows no second model.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import groq
import httpx

from joblynk.providers import http_pool
from joblynk.providers.errors import ALARMS, ProviderCode, ProviderError
from joblynk.providers.llm.groq_errors import FAILURES, NAME, failure, from_exception
from joblynk.providers.llm.groq_stream import CompletionReader
from joblynk.providers.options import checked_host, checked_key
from joblynk.providers.per_loop import PerLoop
from joblynk.providers.types import AnswerRequest, Finished, TextDelta

_DRAIN_SECONDS = 1.0
_PASSING: frozenset[ProviderCode] = frozenset({"unreachable", "unavailable"})
_MENDED_BY_ANOTHER: frozenset[ProviderCode] = frozenset(
    {"unavailable", "bad_answer", "rate_limited", "model_gone"}
)

_log = logging.getLogger(__name__)


class GroqLLM:
    """`base_url` is the host only: the SDK adds the path. `first_token_seconds` covers every try up to
    the first text, `retry_seconds` is the pause before the same model is tried again, `stall_seconds` the
    longest silence in an answer. `gather_seconds`: how long text is let pile up before more of it is read,
    since nobody is shown it more often and every reading costs what twenty tokens do."""

    name = NAME

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        model: str,
        fallback_model: str = "",
        max_completion_tokens: int,
        first_token_seconds: float,
        stall_seconds: float = 20.0,
        retry_seconds: float = 0.25,
        gather_seconds: float = 0.0,
    ) -> None:
        self._api_key = checked_key("GROQ_API_KEY", api_key)
        # The SDK adds this path itself; given twice it is answered with 404.
        host = checked_host("GROQ_BASE_URL", base_url, "https://api.groq.com")
        self._base_url = host.removesuffix("/openai/v1")
        self._model = model
        self._fallback_model = fallback_model
        self._max_completion_tokens = max_completion_tokens
        self._first_token_seconds = first_token_seconds
        self._retry_seconds = retry_seconds
        self._gather_seconds = gather_seconds
        self._timeout = httpx.Timeout(stall_seconds, connect=3.0, pool=5.0)
        self._clients = PerLoop(self._connect, groq.AsyncGroq.close)

    async def stream(self, request: AnswerRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """Text as it is written, then `Finished`. Closing or cancelling it closes the response."""
        first, events = await self._begin(request)
        async with aclosing(events):
            yield first
            async for event in events:
                yield event

    async def check(self) -> list[str]:
        """The configured models that the service does not list. Raises `ProviderError`."""
        problem: ProviderError | None = None
        try:
            async with asyncio.timeout(self._first_token_seconds):
                listed = {model.id for model in (await self._clients.get().models.list()).data}
        except FAILURES as error:
            problem = from_exception(error)
        except (AttributeError, TypeError):  # the SDK hands on whatever came with status 200
            problem = failure("bad_answer", "not a list of models")
        if problem is not None:
            raise problem
        return [model for model in (self._model, self._fallback_model) if model and model not in listed]

    async def aclose(self) -> None:
        await self._clients.aclose()

    async def _begin(
        self, request: AnswerRequest
    ) -> tuple[TextDelta | Finished, AsyncGenerator[TextDelta | Finished]]:
        """The first event and the rest, from the first model that gives one."""
        try:
            async with asyncio.timeout(self._first_token_seconds):
                return await self._first_answering(request)
        except TimeoutError:
            pass
        raise failure("timeout", "no first token")

    async def _first_answering(
        self, request: AnswerRequest
    ) -> tuple[TextDelta | Finished, AsyncGenerator[TextDelta | Finished]]:
        tried = [self._model]
        while True:
            events = self._events(tried[-1], request)
            try:
                return await anext(events), events
            except ProviderError as error:
                problem = error
            if (model := self._next_model(tried, problem)) is None:
                raise problem
            level = logging.ERROR if problem.code in ALARMS else logging.WARNING
            _log.log(level, "%s; trying %s", problem, model)
            if model == tried[-1]:
                await asyncio.sleep(self._retry_seconds)
            tried.append(model)

    def _next_model(self, tried: list[str], problem: ProviderError) -> str | None:
        """What passes is tried again once; what another model can mend goes to the other one."""
        other = self._fallback_model
        if len(tried) == 1 and problem.code in _PASSING:
            return self._model
        if problem.code in _MENDED_BY_ANOTHER and other not in ("", *tried):
            return other
        if len(tried) == 1 and problem.code == "bad_answer":
            return self._model
        return None

    async def _events(self, model: str, request: AnswerRequest) -> AsyncGenerator[TextDelta | Finished]:
        """One response, read to its end. `ProviderError` is raised outside the handler, so that it does
        not drag along an exception that quotes the prompt."""
        reader = CompletionReader()
        problem: ProviderError | None = None
        try:
            response = await self._post(model, request)
            try:
                body = response.aiter_bytes()
                async for data in body:
                    if text := reader.feed(data):
                        yield TextDelta(text)
                    reader.check()
                    if reader.done:
                        await _drain(body)
                        break
                    await asyncio.sleep(self._gather_seconds if text else 0)
                if text := reader.finish():
                    yield TextDelta(text)
                reader.check()
            finally:
                await response.aclose()
        except FAILURES as error:
            problem = from_exception(error)
        if problem is not None:
            raise problem
        yield reader.finished(model)

    async def _post(self, model: str, request: AnswerRequest) -> httpx.Response:
        """The open response. `chat.completions.create` would spend half a millisecond on walking through
        the prompt, message by message, to find nothing to convert."""
        body = {
            "model": model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "stream": True,
            "max_completion_tokens": self._max_completion_tokens,
            **_reasoning(model),
        }
        response: Any = await self._clients.get().post(
            "/openai/v1/chat/completions",
            body=body,
            cast_to=httpx.Response,  # left unread, because of `stream`
            stream=True,
            stream_cls=groq.AsyncStream[Any],
        )
        return cast(httpx.Response, response)

    def _connect(self) -> groq.AsyncGroq:
        return groq.AsyncGroq(
            api_key=self._api_key,
            base_url=self._base_url,
            max_retries=0,
            timeout=self._timeout,
            http_client=http_pool.client(self._base_url, self._timeout),
        )


def _reasoning(model: str) -> dict[str, Any]:
    """As little thinking as the model allows, and none of it in the answer."""
    if "gpt-oss" in model:
        return {"include_reasoning": False, "reasoning_effort": "low"}
    if "qwen" in model:
        return {"reasoning_effort": "none"}
    return {}


async def _drain(body: AsyncIterator[bytes]) -> None:
    """Read the end of the body, so that the connection can serve the next answer."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in body:
                pass
    except (TimeoutError, httpx.HTTPError):
        pass  # the answer is complete; the connection is closed instead of kept
