"""Every limit on questions, in a test in which it fires."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings

from chat.networks import network_of
from chat.shared_throttle import SharedThrottle
from chat.throttles import LocalThrottle, Rates, Throttle, Wait
from joblynk.testing.servers import Redis

PARALLEL = 400


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("rates", "scope", "who"),
    [
        (Rates(visitor=3, network=9, site=9), "visitor", lambda n: ("ada", f"192.0.2.{n}")),
        (Rates(visitor=9, network=3, site=9), "network", lambda n: (f"visitor{n}", "192.0.2.1")),
        (Rates(visitor=9, network=9, site=3), "site", lambda n: (f"visitor{n}", f"192.0.2.{n}")),
    ],
    ids=["visitor", "network", "site"],
)
async def test_a_limit_names_who_has_to_wait_and_how_long(
    rates: Rates, scope: str, who: Callable[[int], tuple[str, str]]
) -> None:
    clock = Clock()
    throttle = LocalThrottle(rates, clock)
    assert [await throttle.take(*who(number)) for number in range(3)] == [None] * 3
    wait = await throttle.take(*who(4))
    assert wait is not None
    assert wait.scope == scope
    assert wait.seconds == pytest.approx(20)
    clock.now += 20
    assert await throttle.take(*who(5)) is None
    assert await throttle.take(*who(6)) is not None


async def test_a_question_that_one_limit_refuses_costs_nothing_in_the_others() -> None:
    throttle = LocalThrottle(Rates(visitor=1, site=2), Clock())
    assert await throttle.take("ada", "") is None
    for _ in range(5):
        assert (await throttle.take("ada", "")) == Wait("visitor", 60.0)
    assert await throttle.take("ben", "") is None
    assert (await throttle.take("cem", "")) == Wait("site", 30.0)


@pytest.mark.parametrize("processes", [1, 4])
async def test_of_400_parallel_questions_exactly_the_limit_passes(processes: int, redis_url: str) -> None:
    # Nothing comes back while the test runs, however long that takes.
    rates = Rates(visitor=51, network=200, site=300, window=86_400)
    alone, prefix = LocalThrottle(rates, time.monotonic), uuid.uuid4().hex
    throttles: list[Throttle] = (
        [SharedThrottle(redis_url, prefix, rates, alone, 30.0) for _ in range(processes)]
        if processes > 1
        else [alone]
    )

    async def outcomes(who: Callable[[int], tuple[str, str]]) -> dict[str, int]:
        asked = (throttles[n % processes].take(*who(n)) for n in range(PARALLEL))
        return Counter(wait.scope if wait else "passed" for wait in await asyncio.gather(*asked))

    assert await outcomes(lambda _: ("ada", "192.0.2.1")) == {"passed": 51, "visitor": 349}
    assert await outcomes(lambda n: (f"v{n}", "192.0.2.1")) == {"passed": 149, "network": 251}
    assert await outcomes(lambda n: (f"w{n}", f"net{n}")) == {"passed": 100, "site": 300}
    for throttle in throttles:
        await throttle.aclose()


async def test_without_redis_each_process_counts_for_itself_and_says_so_once(
    start_redis: Callable[[], Redis], caplog: pytest.LogCaptureFixture
) -> None:
    redis = start_redis()
    rates = Rates(visitor=2)
    throttle = SharedThrottle(redis.url, "test-away", rates, LocalThrottle(rates, Clock()), 10.0)
    assert await throttle.take("ada", "") is None
    redis.stop()
    assert [await throttle.take("ada", "") for _ in range(2)] == [None, None]
    assert (await throttle.take("ada", "")) is not None
    redis.start()
    assert await throttle.take("ben", "") is None
    told = [record.getMessage() for record in caplog.records if record.name == "chat.shared_throttle"]
    assert told == ["limits_counted_alone error=ConnectionError", "limits_counted_together_again"]
    await throttle.aclose()


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "network"),
    [
        (0, "192.0.2.7", "", "192.0.2.7"),
        (0, "192.0.2.7", "203.0.113.9", "192.0.2.7"),  # anybody can write that
        (0, "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        (0, "::ffff:192.0.2.7", "", "192.0.2.7"),
        (0, "", "", ""),
        (1, "10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "not an address", ""),
    ],
)
def test_a_network_is_what_the_outermost_trusted_proxy_saw(
    settings: Settings, proxies: int, peer: str, forwarded: str, network: str
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert network_of(headers, peer) == network
