"""How much one visitor may send: buckets that refill evenly, kept in this process. Questions, which cost an
answer, are counted by `throttles`, for all processes together."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

ACTIONS, FRAMES = 3, 30  # a minute, for each message a minute
_REMEMBERED = 50_000  # visitors; the one idle for longest is forgotten first


class Buckets:
    """`per_minute` messages each, all of them at once if nothing was sent for a minute. 0: no limit."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, visitor: str) -> float:
        """0.0 when one more may be sent, which it takes; else the seconds until it may."""
        if not self._per_minute:
            return 0.0
        now = self._clock()
        level, at = self._levels.pop(visitor, (float(self._per_minute), now))
        level = min(self._per_minute, level + (now - at) * self._per_minute / 60)
        wait = 0.0 if level >= 1 else (1 - level) * 60 / self._per_minute
        self._levels[visitor] = (level if wait else level - 1, now)
        if len(self._levels) > _REMEMBERED:
            self._levels.popitem(last=False)
        return wait


@dataclass(frozen=True, slots=True)
class Allowances:
    """What one visitor may do with all tabs together."""

    actions: Buckets
    """Whatever else leaves a row behind."""
    uploads: Buckets
    """Pictures, sent later or not."""
    frames: Buckets
    """All that is sent. A page needs a few a minute, and some hundred after a long time offline."""


def allowances(messages_per_minute: int, clock: Callable[[], float]) -> Allowances:
    return Allowances(
        Buckets(messages_per_minute * ACTIONS, clock),
        Buckets(messages_per_minute, clock),
        Buckets(messages_per_minute * FRAMES, clock),
    )
