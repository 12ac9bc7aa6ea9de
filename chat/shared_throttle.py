"""`throttles` for many processes, counted in Redis. Loaded only where there is one: its client takes 3 MB."""

import asyncio
import logging

import redis.asyncio as redis

from chat.networks import hashed
from chat.throttles import LocalThrottle, Rates, Wait, counted

logger = logging.getLogger(__name__)

_CONNECTIONS = 4  # of one process; a call is a fraction of a millisecond

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
        limits = counted(self._rates, visitor, hashed(network))
        if not limits:
            return None
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._take(
                    keys=[f"{self._prefix}:limit:{key}" for _, key, _ in limits],
                    args=[*(self._rates.window / rate for _, _, rate in limits), self._rates.window],
                )
        except (redis.RedisError, OSError, TimeoutError) as error:
            if not self._away:
                logger.warning("limits_counted_alone error=%s", type(error).__name__)
            self._away = True
            return await self._alone.take(visitor, network)
        if self._away:
            logger.warning("limits_counted_together_again")
        self._away = False
        return Wait(limits[answer[0] - 1][0], answer[1] / 1e6) if answer[0] else None

    async def aclose(self) -> None:
        await self._redis.aclose()
