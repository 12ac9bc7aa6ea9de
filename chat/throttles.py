"""How many questions one visitor, one network and the whole site may send a minute: each costs an answer.

The rule is the generic cell rate algorithm (ATM Forum, TM 4.0): one number a key, the moment at which its
bucket would be full again. All three are asked together, and a question that one of them refuses costs
nothing in the others. Where there are several processes `shared_throttle` counts for all of them.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Scope = Literal["visitor", "network", "site"]
SCOPES: tuple[Scope, ...] = ("visitor", "network", "site")
_REMEMBERED = 50_000  # keys; the one idle for longest is forgotten first


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
        for scope, key, rate in counted(self.rates, visitor, network):
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


def counted(rates: Rates, visitor: str, network: str) -> list[tuple[Scope, str, int]]:
    """(scope, key, rate) of every limit that is set and has somebody to count."""
    who = (visitor, network, "all")
    limits = (rates.visitor, rates.network, rates.site)
    return [
        (scope, f"{scope}:{key}", rate)
        for scope, key, rate in zip(SCOPES, who, limits, strict=True)
        if key and rate > 0
    ]
