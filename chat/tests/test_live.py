"""Who hears what, and what makes up for a ring that nobody heard."""

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence

from django.utils import timezone
from pytest_django import Settings

from chat.live import Live
from chat.protocol import DurableEvent

ONE, OTHER = uuid.uuid4(), uuid.uuid4()


class Log:
    """The database as `Live` sees it: what is stored, in pages of two."""

    def __init__(self) -> None:
        self.events: dict[uuid.UUID, list[DurableEvent]] = {ONE: [], OTHER: []}
        self.pulls = 0

    def store(self, conversation: uuid.UUID, count: int = 1) -> list[DurableEvent]:
        log = self.events[conversation]
        new = [DurableEvent(conversation, len(log) + n + 1, "x", timezone.now()) for n in range(count)]
        log += new
        return new

    async def pull(self, conversation: uuid.UUID, seq: int) -> tuple[list[DurableEvent], bool]:
        self.pulls += 1
        after = [event for event in self.events[conversation] if event.seq > seq]
        return after[:2], len(after) > 2

    async def last_seqs(self, known: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int | None]:
        reached = {key: len(self.events[key]) if key in self.events else None for key in known}
        return {key: seq for key, seq in reached.items() if seq is None or seq > known[key]}

    def live(self) -> Live:
        return Live(self.pull, self.last_seqs)


class Page:
    """A socket that keeps what it takes."""

    staff = False

    def __init__(self) -> None:
        self.seq = 0
        self.seen: list[int] = []
        self.offered: list[str] = []

    def take(self, events: Sequence[DurableEvent]) -> bool:
        fresh = [event for event in events if event.seq > self.seq]
        if fresh and fresh[0].seq != self.seq + 1:
            return False
        self.seen += [event.seq for event in fresh]
        self.seq = self.seen[-1] if self.seen else self.seq
        return True

    def offer(self, frame: str) -> None:
        self.offered.append(frame)


async def settled(page: Page, seq: int) -> None:
    async with asyncio.timeout(2):
        while page.seq < seq:  # noqa: ASYNC110 - one step of the loop at a time
            await asyncio.sleep(0)


async def test_everybody_who_has_the_conversation_open_hears_and_nobody_else() -> None:
    log = Log()
    live = log.live()
    mine, also, other = Page(), Page(), Page()
    await live.join(ONE, mine)
    await live.join(ONE, also)
    await live.join(OTHER, other)
    live.announce(log.store(ONE))
    live.publish(ONE, {"type": "answer.delta"})
    assert (mine.seen, also.seen, other.seen) == ([1], [1], [])
    assert len(mine.offered) == len(also.offered) == 1
    assert mine.offered[0] is also.offered[0]  # encoded once
    assert other.offered == []


async def test_an_event_after_a_gap_brings_what_was_missed_in_order() -> None:
    log = Log()
    live = log.live()
    page = Page()
    await live.join(ONE, page)
    log.store(ONE, 5)
    live.announce(log.store(ONE))
    await settled(page, 6)
    assert page.seen == [1, 2, 3, 4, 5, 6]
    await live.aclose()


async def test_the_pulse_makes_up_for_a_ring_that_was_lost() -> None:
    log = Log()
    here = log.live()
    page = Page()
    await here.join(ONE, page)
    log.store(ONE, 3)  # by another process, whose ring nobody heard
    assert page.seen == []
    await here.pulse()
    assert page.seen == [1, 2, 3]
    pulls = log.pulls
    await here.pulse()
    assert log.pulls == pulls  # nothing new, nothing read


async def test_whoever_has_an_erased_conversation_open_is_told_so_by_the_pulse() -> None:
    log = Log()
    live = log.live()
    erased, kept = Page(), Page()
    await live.join(ONE, erased)
    await live.join(OTHER, kept)
    del log.events[ONE]
    await live.pulse()
    assert [json.loads(frame)["code"] for frame in erased.offered] == ["not_found"]
    assert kept.offered == []


async def test_who_has_left_hears_nothing_more() -> None:
    log = Log()
    live = log.live()
    page = Page()
    await live.join(ONE, page)
    await live.leave(ONE, page)
    live.announce(log.store(ONE))
    await live.pulse()
    assert page.seen == []


async def test_what_is_told_to_one_side_reaches_it_in_every_process_and_the_other_side_nowhere(
    settings: Settings, redis_url: str
) -> None:
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [{"address": redis_url, "socket_timeout": None}], "prefix": uuid.uuid4().hex},
        }
    }
    log = Log()
    here, there = log.live(), log.live()
    sides = [(live, staff, Page()) for live in (here, there) for staff in (False, True)]
    for live in (here, there):
        await live.start()
    for live, staff, page in sides:
        page.staff = staff
        await live.join(ONE, page)
    frame = {"type": "typing", "on": True}
    there.tell(ONE, frame, staff=False)
    async with asyncio.timeout(10):
        while not sides[0][2].offered:  # noqa: ASYNC110 - comes from another process
            await asyncio.sleep(0.01)
    assert [len(page.offered) for _, _, page in sides] == [1, 0, 1, 0]
    for live in (here, there):
        await live.aclose()
