"""Serper over real HTTP, and what leaves for it and comes back from it."""

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from joblynk.providers.errors import ProviderError
from joblynk.providers.types import WebResult
from joblynk.providers.web import serper as serper_module
from joblynk.providers.web.cleaning import anonymous, plain, web_link
from joblynk.providers.web.serper import SerperSearch
from joblynk.testing.fake_serper import FAILURES, HOSTILE, USUAL, FakeSerper, Reply, result, results

KEY = "canary_key_4711"
WORDS = "canary words of a customer"

# code, retryable, requests made
EXPECTED: dict[str, tuple[str, bool, int]] = {
    "not authorised": ("credentials", False, 1),
    "no credit": ("quota", False, 1),
    "bad request": ("rejected", False, 1),
    "rate": ("rate_limited", True, 1),
    "server": ("unavailable", True, 2),
    "gateway": ("unavailable", True, 2),
    "redirect": ("rejected", False, 1),
    "html with status 200": ("bad_answer", False, 1),
    "invalid utf-8": ("bad_answer", False, 1),
    "a list": ("bad_answer", False, 1),
    "organic is no list": ("bad_answer", False, 1),
    "closed": ("unreachable", True, 2),
    "reset": ("unreachable", True, 2),
    "hang": ("timeout", True, 2),
}


@pytest.fixture
def serper() -> Iterator[FakeSerper]:
    with FakeSerper() as server:
        yield server


@pytest.fixture
async def web(serper: FakeSerper) -> AsyncIterator[SerperSearch]:
    web = SerperSearch(api_key=KEY, base_url=serper.base_url)
    yield web
    await web.aclose()
    assert await asyncio.to_thread(serper.wait_until_alone, 1)


async def test_results_keep_title_link_snippet_and_date(serper: FakeSerper, web: SerperSearch) -> None:
    assert await web.search("minimum wage", 3) == (
        WebResult(
            "Minimum wage", "https://example.org/wage", "The minimum wage rose in January.", "2 Jan 2026"
        ),
        WebResult("Notice periods", "https://example.org/notice", "Four weeks are usual."),
    )
    (request,) = serper.requests
    assert request.json == {"q": "minimum wage", "num": 3}
    assert request.headers["x-api-key"] == KEY


async def test_no_more_results_than_asked_for(web: SerperSearch) -> None:
    assert len(await web.search("minimum wage", 1)) == 1


async def test_the_same_search_is_asked_once(serper: FakeSerper, web: SerperSearch) -> None:
    assert await web.search("minimum wage", 3) == await web.search("  minimum   wage ", 3)
    assert len(serper.requests) == 1


async def test_a_kept_search_is_asked_again_when_it_is_old(
    serper: FakeSerper, web: SerperSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serper_module, "_CACHE_SECONDS", 0.0)
    await web.search("minimum wage", 3)
    await web.search("minimum wage", 3)
    assert len(serper.requests) == 2


@pytest.mark.parametrize("body", [b"{}", b'{"organic":[]}', b'{"organic":[null,"x",{}]}'])
async def test_nothing_found_is_no_failure(body: bytes, serper: FakeSerper, web: SerperSearch) -> None:
    serper.play(Reply(body=body))
    assert await web.search("minimum wage", 3) == ()


def test_every_failure_of_the_fake_is_expected() -> None:
    assert EXPECTED.keys() == FAILURES.keys()


@pytest.mark.parametrize("name", FAILURES)
async def test_each_failure_is_one_error_without_the_key(
    name: str, serper: FakeSerper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    web = SerperSearch(api_key=KEY, base_url=serper.base_url, seconds=0.4 if name == "hang" else 5)
    serper.play(FAILURES[name])
    started = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        await web.search(WORDS, 3)
    assert time.monotonic() - started < 2
    await web.aclose()
    error = caught.value
    assert (error.code, error.retryable, len(serper.requests)) == EXPECTED[name]
    assert "canary" not in "".join(traceback.format_exception(error)) + caplog.text


async def test_a_second_try_mends_what_passes(serper: FakeSerper, web: SerperSearch) -> None:
    serper.play(FAILURES["server"], USUAL)
    assert len(await web.search("minimum wage", 3)) == 2


async def test_without_credit_the_service_is_left_alone(serper: FakeSerper, web: SerperSearch) -> None:
    serper.play(FAILURES["no credit"], USUAL)
    for words in ("minimum wage", "notice periods"):
        with pytest.raises(ProviderError, match="quota"):
            await web.search(words, 3)
    assert len(serper.requests) == 1


async def test_hostile_results_come_back_harmless(serper: FakeSerper, web: SerperSearch) -> None:
    serper.play(HOSTILE)
    (found,) = await web.search("minimum wage", 5)
    assert found.link == "https://example.org/help"
    assert found.title == "Help desk alert(1)"
    assert len(found.snippet) == 500
    assert not set("<>\x00\x1b\u202e") & set(found.snippet)


async def test_a_result_without_a_title_is_named_by_its_link(serper: FakeSerper, web: SerperSearch) -> None:
    serper.play(results(result("", "https://example.org/a", "Text.")))
    assert (await web.search("minimum wage", 5))[0].title == "https://example.org/a"


async def test_a_query_of_nothing_but_personal_data_is_not_asked(
    serper: FakeSerper, web: SerperSearch
) -> None:
    assert await web.search("jo@example.org +49 170 1234567", 3) == ()
    assert serper.requests == []


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("why is jo.smith+x@mail.example.org locked", "why is locked"),
        ("call me at +44 (0)20 7946 0958 please", "call me at please"),
        ("order 1234567890 lost", "order lost"),
        ("card 4111-1111-1111-1111", "card"),
        ("born 24.12.1990", "born"),
        ("jo\uff20example\uff0eorg cv", "cv"),
        ("j\u200bo@exa\u200bmple.org cv", "cv"),
        ("error JL-1042 in 2026, version 3.11.7", "error JL-1042 in 2026, version 3.11.7"),
        ("<b>salary</b>\n\x00in Kraków", "salary in Kraków"),
        ("", ""),
    ],
)
def test_personal_data_does_not_leave(query: str, sent: str) -> None:
    assert anonymous(query) == sent


def test_a_long_query_is_cut_between_words() -> None:
    assert anonymous("salary " * 500) == " ".join(["salary"] * 42)


@pytest.mark.parametrize("unit", ["a@", "1 ", "<a", "<a>", "&lt;", "(", "+1", "@", "a"])
def test_no_text_makes_the_cleaning_slow(unit: str) -> None:
    started = time.thread_time()
    for clean in (anonymous, lambda text: plain(text, 500)):
        clean(unit * (100_000 // len(unit)))
    assert time.thread_time() - started < 0.2


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        " https://example.org",
        "https://example.org/\n",
        "https://user@example.org/",
        "https://",
        "https:///path",
        "//example.org",
        "https://[::1",
        'https://example.org/"onmouseover=x',
        "https://example.org/" + "a" * 3_000,
        "data:text/html,x",
        "ftp://example.org",
        None,
        5,
    ],
)
def test_only_links_to_web_pages_are_kept(link: object) -> None:
    assert web_link(link) == ""


@pytest.mark.parametrize(
    "link", ["https://example.org/a?b=c#d", "http://example.org:8080/", "https://bücher.example/"]
)
def test_links_to_web_pages_are_kept_as_they_are(link: str) -> None:
    assert web_link(link) == link


@pytest.mark.parametrize(
    "make",
    [lambda: SerperSearch(api_key="", base_url="https://x"), lambda: SerperSearch(api_key="k", base_url="x")],
)
def test_a_wrong_option_is_named(make: Callable[[], Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="SERPER_"):
        make()
