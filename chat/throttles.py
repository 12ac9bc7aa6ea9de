"""How many questions one visitor, one network and the whole site may send a minute: each costs an answer.

The rule is the generic cell rate algorithm (ATM Forum, TM 4.0): one number a key, the moment at which its
bucket would be full again. All three are asked together, and a question that one of them refuses costs
nothing in the others.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import redis.asyncio as redis

from chat.networks import hashed

logger = logging.getLogger(__name__)

Scope = Literal["visitor", "network", "site"]
SCOPES: tuple[Scope, ...] = ("visitor", "network", "site")
_REMEMBERED = 50_000  # keys; the one idle for longest is forgotten first
_CONNECTIONS = 4  # of one process; a call is a fraction of a millisecond


@dataclass(frozen=True, slots=True)
class Rates:
    """Questions a minute, all of them at once after a quiet minute. 0: no limit."""

    visitor: int = 0
    network: int = 0
    site: int = 0
    window: float = 60.0
    """Seconds of that minute."""


class Wait(NamedTuple):
    scope: Scope
    seconds: float


class Throttle(Protocol):
    async def take(self, visitor: str, network: str) -> Wait | None:
        """None when one more question may be sent, which it takes; else who has to wait, and how long."""
        ...

    async def aclose(self) -> None: ...


class LocalThrottle:
    """Of one process. `clock` tells seconds."""

    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        self.rates = rates
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    async def take(self, visitor: str, network: str) -> Wait | None:
        now = self._clock()
        full_at: dict[str, float] = {}
        for scope, key, rate in _counted(self.rates, visitor, network):
            full_at[key] = max(self._full_at.get(key, now), now) + self.rates.window / rate
            if (wait := full_at[key] - now - self.rates.window) > 1e-6:
                return Wait(scope, wait)
        for key, at in full_at.items():
            self._full_at[key] = at
            self._full_at.move_to_end(key)
        while len(self._full_at) > _REMEMBERED:
            self._full_at.popitem(last=False)
        return None

    async def aclose(self) -> None: ...


# KEYS: the buckets; ARGV: seconds that one question costs in each, then those of the window. Answers {0} when
# it was taken, else {which bucket refuses, microseconds to wait}. The clock is Redis's own: hosts may
# disagree about the time.
# A bucket that is full later than any can be was filled before that clock was put back, and counts as new.
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local window = tonumber(ARGV[#KEYS + 1]) * 1000000
local full = {}
for i, key in ipairs(KEYS) do
  local known = tonumber(redis.call('GET', key) or now)
  if known > now + window + 1000000 then known = now end
  full[i] = math.max(known, now) + tonumber(ARGV[i]) * 1000000
  local wait = full[i] - now - window
  if wait > 0 then return {i, math.ceil(wait)} end
end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', full[i]), 'PX', math.ceil((full[i] - now) / 1000) + 1000)
end
return {0}
"""


class SharedThrottle:
    """Of all processes, counted in Redis. While that is away each process counts for itself."""

    def __init__(
        self, url: str, prefix: str, rates: Rates, alone: LocalThrottle, patience: float = 1.0
    ) -> None:
        """`patience`: seconds for Redis to answer, before this process decides alone."""
        self._rates = rates
        self._prefix = prefix
        self._alone = alone
        self._patience = patience
        pool = redis.BlockingConnectionPool.from_url(url, max_connections=_CONNECTIONS, timeout=patience)
        self._redis = redis.Redis.from_pool(pool)
        self._take = self._redis.register_script(_TAKE)
        self._away = False

    async def take(self, visitor: str, network: str) -> Wait | None:
        counted = _counted(self._rates, visitor, hashed(network))
        if not counted:
            return None
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._take(
                    keys=[f"{self._prefix}:limit:{key}" for _, key, _ in counted],
                    args=[*(self._rates.window / rate for _, _, rate in counted), self._rates.window],
                )
        except (redis.RedisError, OSError, TimeoutError) as error:
            if not self._away:
                logger.warning("limits_counted_alone error=%s", type(error).__name__)
            self._away = True
            return await self._alone.take(visitor, network)
        if self._away:
            logger.warning("limits_counted_together_again")
        self._away = False
        return Wait(counted[answer[0] - 1][0], answer[1] / 1e6) if answer[0] else None

    async def aclose(self) -> None:
        await self._redis.aclose()


def _counted(rates: Rates, visitor: str, network: str) -> list[tuple[Scope, str, int]]:
    """(scope, key, rate) of every limit that is set and has somebody to count."""
    who = (visitor, network, "all")
    limits = (rates.visitor, rates.network, rates.site)
    return [
        (scope, f"{scope}:{key}", rate)
        for scope, key, rate in zip(SCOPES, who, limits, strict=True)
        if key and rate > 0
    ]
