"""The real SDK against a service that speaks its protocol over real HTTP."""

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any, cast

import pytest
from django.core.exceptions import ImproperlyConfigured

from joblynk.providers.errors import ProviderError
from joblynk.providers.llm import groq as groq_module
from joblynk.providers.llm.groq import GroqLLM
from joblynk.providers.types import AnswerRequest, ChatMessage, Finished, TextDelta, Usage
from joblynk.testing import fake_groq
from joblynk.testing.fake_groq import (
    AFTER_TEXT,
    BEFORE_TEXT,
    TEXT,
    FakeGroq,
    Hang,
    Open,
    Steps,
    Tokens,
    Wait,
    answer,
    failure,
    numbered,
)

BIG, SMALL, QWEN = fake_groq.MODELS
KEY = "gsk_canary_key_4711"
WORDS = "canary words of a customer"
REQUEST = AnswerRequest(WORDS, (), (ChatMessage("system", "Answer."), ChatMessage("user", WORDS)))

# Silence is the one failure that takes the time it is given.
SHORT: dict[str, dict[str, float]] = {
    "no answer at all": {"first_token_seconds": 0.4},
    "silence after the head": {"first_token_seconds": 0.4},
    "hang in mid-stream": {"stall_seconds": 0.4},
    "bad chunking in mid-stream": {"stall_seconds": 0.4},  # aiohttp hangs up and lets the reader wait
}

# code, retryable, requests made: the same model once more for what passes, then the other one
EXPECTED_BEFORE_TEXT: dict[str, tuple[str, bool, int]] = {
    "status 400": ("rejected", False, 1),
    "status 401": ("credentials", False, 1),
    "status 403": ("credentials", False, 1),
    "status 404": ("model_gone", False, 2),
    "status 413": ("too_large", False, 1),
    "status 422": ("bad_answer", True, 2),
    "status 424": ("unavailable", True, 3),
    "status 429": ("rate_limited", True, 2),
    "status 498": ("rate_limited", True, 2),
    "status 500": ("unavailable", True, 3),
    "status 502": ("unavailable", True, 3),
    "status 503": ("unavailable", True, 3),
    "model decommissioned": ("model_gone", False, 2),
    "context too long": ("too_large", False, 1),
    "spending limit": ("quota", False, 1),
    "over tokens per minute": ("rate_limited", True, 2),
    "html error page": ("unavailable", True, 3),
    "html with status 200": ("bad_answer", True, 2),
    "json instead of a stream": ("bad_answer", True, 2),
    "no answer at all": ("timeout", True, 1),
    "silence after the head": ("timeout", True, 1),
    "closed before the head": ("unreachable", True, 2),
    "reset before the head": ("unreachable", True, 2),
    "closed before text": ("unreachable", True, 2),
    "error in the stream": ("unavailable", True, 3),
    "stopped early": ("bad_answer", True, 2),
    "garbage": ("bad_answer", True, 2),
    "garbage event": ("bad_answer", True, 2),
    "invalid utf-8": ("bad_answer", True, 2),
    "event that is no object": ("bad_answer", True, 2),
    "nothing": ("bad_answer", True, 2),
    "empty text": ("bad_answer", True, 2),
    "blanks only": ("bad_answer", True, 2),
    "reasoning only": ("bad_answer", True, 2),
}
EXPECTED_AFTER_TEXT = {
    "hang in mid-stream": "timeout",
    "closed in mid-stream": "unreachable",
    "reset in mid-stream": "unreachable",
    "error in mid-stream": "unavailable",
    "stopped in mid-stream": "bad_answer",
    "garbage in mid-stream": "bad_answer",
    "invalid utf-8 in mid-stream": "bad_answer",
    "bad chunking in mid-stream": "timeout",
    "no finish reason": "bad_answer",
    "neither finish reason nor end mark": "bad_answer",
    "filtered": "bad_answer",
}


@pytest.fixture
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as server:
        yield server


@pytest.fixture
async def connect(groq: FakeGroq) -> AsyncIterator[Callable[..., GroqLLM]]:
    """Makes clients; afterwards no connection may be left."""
    made: list[GroqLLM] = []

    def connect(**options: Any) -> GroqLLM:
        made.append(client(**{"base_url": groq.base_url, **options}))
        return made[-1]

    yield connect
    for llm in made:
        await llm.aclose()
    assert await asyncio.to_thread(groq.wait_until_alone, 1)


def client(base_url: str, **options: Any) -> GroqLLM:
    usual: dict[str, Any] = {
        "api_key": KEY,
        "base_url": base_url,
        "model": BIG,
        "fallback_model": SMALL,
        "max_completion_tokens": 500,
        "first_token_seconds": 9,
        "stall_seconds": 9,
        "retry_seconds": 0.01,
    }
    return GroqLLM(**{**usual, **options})


async def collect(llm: GroqLLM, into: list[TextDelta | Finished] | None = None) -> tuple[str, Finished]:
    events: list[TextDelta | Finished] = [] if into is None else into
    async for event in llm.stream(REQUEST):
        events.append(event)
    assert isinstance(events[-1], Finished)
    return text_of(events), events[-1]


def text_of(events: list[TextDelta | Finished]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_text_comes_as_it_is_written_then_the_end_with_its_usage(
    groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play(answer(per_second=400))
    events: list[TextDelta | Finished] = []
    text, finished = await collect(connect(), events)
    assert text == TEXT
    assert len(events) > 3
    assert finished == Finished("stop", BIG, Usage(812, 42))
    assert all(isinstance(event, TextDelta) and event.text for event in events[:-1])


async def test_the_request_is_what_the_service_wants(groq: FakeGroq, connect: Callable[..., GroqLLM]) -> None:
    await collect(connect())
    (request,) = groq.completions
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json == {
        "model": BIG,
        "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": WORDS}],
        "stream": True,
        "max_completion_tokens": 500,
        "include_reasoning": False,
        "reasoning_effort": "low",
    }


async def test_a_qwen_model_is_asked_not_to_reason(groq: FakeGroq, connect: Callable[..., GroqLLM]) -> None:
    await collect(connect(model=QWEN))
    body = groq.completions[0].json
    assert body["reasoning_effort"] == "none"
    assert "include_reasoning" not in body


async def test_a_base_address_with_the_path_is_understood(
    groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    assert (await collect(connect(base_url=f"{groq.base_url}/openai/v1/")))[0] == TEXT


def test_every_failure_of_the_fake_is_expected() -> None:
    assert EXPECTED_BEFORE_TEXT.keys() == BEFORE_TEXT.keys()
    assert EXPECTED_AFTER_TEXT.keys() == AFTER_TEXT.keys()


@pytest.mark.parametrize("name", BEFORE_TEXT)
async def test_a_failure_before_the_text_is_one_error(
    name: str, groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play(BEFORE_TEXT[name])
    events: list[TextDelta | Finished] = []
    started = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        await collect(connect(**SHORT.get(name, {})), events)
    assert time.monotonic() - started < 2
    assert events == []
    seen = (caught.value.code, caught.value.retryable, len(groq.completions))
    assert seen == EXPECTED_BEFORE_TEXT[name]


@pytest.mark.parametrize("name", AFTER_TEXT)
async def test_a_failure_after_some_text_keeps_the_text_and_tries_no_other_model(
    name: str, groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play(AFTER_TEXT[name])
    events: list[TextDelta | Finished] = []
    started = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        await collect(connect(**SHORT.get(name, {})), events)
    assert time.monotonic() - started < 2
    assert text_of(events).startswith("Open ")
    assert not any(isinstance(event, Finished) for event in events)
    seen = (caught.value.code, caught.value.retryable, len(groq.completions))
    assert seen == (EXPECTED_AFTER_TEXT[name], True, 1)


@pytest.mark.parametrize(
    ("failures", "models"),
    [
        ((failure(503),), [BIG, BIG]),
        ((failure(503), failure(500)), [BIG, BIG, SMALL]),
        ((BEFORE_TEXT["reset before the head"],), [BIG, BIG]),
        ((failure(429, retry_after=30),), [BIG, SMALL]),
        ((failure(404),), [BIG, SMALL]),
        ((failure(422),), [BIG, SMALL]),
        ((answer(""),), [BIG, SMALL]),
    ],
)
async def test_what_a_second_try_or_another_model_mends_is_mended(
    failures: tuple[Steps, ...], models: list[str], groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play(*failures, answer())
    text, finished = await collect(connect())
    assert text == TEXT
    assert finished.model == models[-1]
    assert [request.json["model"] for request in groq.completions] == models


@pytest.mark.parametrize(("status", "tries"), [(422, 2), (503, 2), (404, 1), (429, 1)])
async def test_without_a_fallback_model_only_what_may_pass_is_tried_again(
    status: int, tries: int, groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play(failure(status))
    with pytest.raises(ProviderError):
        await collect(connect(fallback_model=""))
    assert len(groq.completions) == tries


async def test_a_model_that_is_gone_raises_an_alarm_though_the_customer_gets_an_answer(
    groq: FakeGroq, connect: Callable[..., GroqLLM], caplog: pytest.LogCaptureFixture
) -> None:
    groq.models = (SMALL,)
    await collect(connect())
    assert [record.levelname for record in caplog.records if "model_gone" in record.message] == ["ERROR"]


@pytest.mark.parametrize(("header", "wait"), [(7, 7.0), (None, None), (-1, None), (float("inf"), None)])
async def test_the_wait_that_the_service_asks_for_is_told_not_slept(
    header: float | None, wait: float | None, groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play(failure(429, retry_after=header))
    with pytest.raises(ProviderError) as caught:
        await collect(connect())
    assert caught.value.retry_after == wait


async def test_the_first_token_is_awaited_no_longer_than_set(
    groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play((Open(), Wait(5)))
    started = time.monotonic()
    with pytest.raises(ProviderError, match="timeout"):
        await collect(connect(first_token_seconds=0.1))
    assert 0.1 <= time.monotonic() - started < 2


async def test_all_tries_together_have_the_time_of_one(
    groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play(failure(503), failure(503), (Hang(),))
    started = time.monotonic()
    with pytest.raises(ProviderError, match="timeout"):
        await collect(connect(first_token_seconds=0.5))
    assert time.monotonic() - started < 2
    assert len(groq.completions) == 3


async def test_the_limit_for_the_first_token_does_not_cut_a_long_answer(
    groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play(fake_groq.stream(numbered(30), per_second=40))
    text, _ = await collect(connect(first_token_seconds=0.6))
    assert text == "".join(numbered(30))


@pytest.mark.parametrize("steps", [(Hang(),), (Open(), Hang())], ids=["before the head", "after the head"])
async def test_cancelling_before_the_first_token_reaches_the_service(
    steps: Steps, groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play(steps)
    reading = asyncio.create_task(collect(connect()))
    assert await asyncio.to_thread(groq.wait_for_request, 2)
    reading.cancel()
    cancelled = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await left_at(groq) - cancelled < 0.1


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_stopping_in_mid_stream_reaches_the_service(
    how: str, groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    groq.play((Open(), Tokens(("Open ", "Settings")), Hang()))
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(cast(Any, connect().stream(REQUEST))) as events:
            await anext(events)
            started.set()
            if how == "cancel":
                async for _ in events:
                    pass

    reading = asyncio.create_task(read())
    await started.wait()
    stopped = time.monotonic()
    reading.cancel() if how == "cancel" else None
    await asyncio.wait([reading])
    assert await left_at(groq) - stopped < 0.1


async def left_at(groq: FakeGroq) -> float:
    return await asyncio.to_thread(groq.abandoned.get, True, 1)


async def test_one_warm_connection_serves_one_customer_after_the_other(
    groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    llm = connect()
    for _ in range(5):
        await collect(llm)
    assert groq.accepted == 1


async def test_an_answer_is_complete_though_its_connection_does_not_end(
    groq: FakeGroq, connect: Callable[..., GroqLLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groq_module, "_DRAIN_SECONDS", 0.02)
    llm = connect()
    groq.play((*answer()[:-1], Hang()), answer())
    for _ in range(2):
        assert (await collect(llm))[0] == TEXT


async def test_a_connection_that_the_service_closed_meanwhile_is_no_failure(
    groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    llm = connect(fallback_model="")
    await collect(llm)
    for connection in list(groq.connections):
        groq.in_loop(connection.close)
    assert (await collect(llm))[0] == TEXT


def test_one_client_works_in_one_event_loop_after_another(groq: FakeGroq) -> None:
    llm = client(groq.base_url)

    async def answer_and_close() -> str:
        text, _ = await collect(llm)
        await llm.aclose()
        return text

    assert [asyncio.run(answer_and_close()) for _ in range(2)] == [TEXT, TEXT]
    assert groq.wait_until_alone(1)


@pytest.fixture
def busy_groq() -> Iterator[str]:
    with fake_groq.process("--tokens=40", "--first=0.3") as base_url:
        yield base_url


async def test_five_hundred_answers_at_once_all_end(busy_groq: str) -> None:
    llm = client(busy_groq, first_token_seconds=20, stall_seconds=20)
    for _ in range(2):  # the second time over connections of the first
        texts = await asyncio.gather(*(collect(llm) for _ in range(500)))
        assert {text for text, _ in texts} == {"".join(numbered(40))}
    await llm.aclose()


@pytest.mark.parametrize(
    "script",
    [
        *(script for name, script in (BEFORE_TEXT | AFTER_TEXT).items() if name not in SHORT),
        *(failure(status, message=f"{WORDS} {KEY}") for status in (400, 401, 413, 429, 503)),
        failure(400, WORDS, f"{KEY} {WORDS}"),
    ],
)
async def test_neither_key_nor_words_show_in_errors_and_logs(
    script: Steps, groq: FakeGroq, connect: Callable[..., GroqLLM], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    groq.play(script)
    with pytest.raises(ProviderError) as caught:
        await collect(connect())
    assert caught.value.__context__ is None
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "canary" not in told


async def test_text_that_is_not_unicode_is_refused_without_quoting_it(
    connect: Callable[..., GroqLLM],
) -> None:
    request = AnswerRequest("", (), (ChatMessage("user", f"{WORDS} \ud800"),))
    with pytest.raises(ProviderError, match="rejected") as caught:
        await anext(aiter(connect().stream(request)))
    assert caught.value.__context__ is None


async def test_a_closed_service_is_unreachable() -> None:
    with FakeGroq() as gone:
        pass
    llm = client(gone.base_url)
    with pytest.raises(ProviderError, match="unreachable"):
        await collect(llm)
    await llm.aclose()


async def test_check_names_the_models_that_are_not_listed(
    groq: FakeGroq, connect: Callable[..., GroqLLM]
) -> None:
    assert await connect().check() == []
    groq.models = (BIG,)
    assert await connect().check() == [SMALL]


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": ""},
        {"api_key": "two words"},
        {"api_key": "line\nbreak"},
        {"api_key": "schlüssel"},
        {"base_url": "api.groq.com"},
        {"base_url": "ftp://api.groq.com"},
        {"base_url": "https://host:port"},
    ],
)
def test_a_wrong_option_is_named_and_a_key_is_not_quoted(wrong: dict[str, str]) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"GROQ_(API_KEY|BASE_URL)") as caught:
        client(**{"base_url": "https://api.groq.com", **wrong})
    assert wrong.get("api_key") in ("", None) or wrong["api_key"] not in str(caught.value)


def test_the_obedient_model_repeats_whatever_it_was_told(groq: FakeGroq) -> None:
    groq.play(fake_groq.obedient)
    assert asyncio.run(_once(client(groq.base_url))) == f"Answer.\n\n{WORDS}"


async def _once(llm: GroqLLM) -> str:
    text, _ = await collect(llm)
    await llm.aclose()
    return text
