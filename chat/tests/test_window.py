"""A slow reader: it loses deltas first, durable events never, and the socket when nothing helps."""

import asyncio

from chat.window import HARD, SOFT, Outbound

BIG = "x" * 64 * 1024


class Line:
    """A connection whose other side reads when the test lets it."""

    def __init__(self, *, reads: bool = True) -> None:
        self.sent: list[str] = []
        self.closed = asyncio.Event()
        self._reads = asyncio.Event()
        if reads:
            self._reads.set()
        self.outbound = Outbound(self._send, self._close)

    def resume(self) -> None:
        self._reads.set()

    async def _send(self, frame: str) -> None:
        await self._reads.wait()
        self.sent.append(frame)

    async def _close(self) -> None:
        self.closed.set()


async def until_sent(line: Line, count: int) -> None:
    async with asyncio.timeout(2):
        while len(line.sent) < count:  # noqa: ASYNC110 - one step of the loop at a time
            await asyncio.sleep(0)


async def test_frames_leave_in_the_order_in_which_they_were_put() -> None:
    line = Line()
    for number in range(50):
        line.outbound.put(str(number))
        if number == 25:
            await asyncio.sleep(0)
    line.outbound.reply("50")
    await line.outbound.flush()
    await until_sent(line, 51)
    assert line.sent == [str(number) for number in range(51)]


async def test_a_reply_is_sent_by_flush_and_not_before() -> None:
    line = Line()
    line.outbound.reply("pong")
    await asyncio.sleep(0)
    assert line.sent == []
    await line.outbound.flush()
    assert line.sent == ["pong"]


async def test_a_reader_that_is_behind_loses_deltas_and_no_durable_event() -> None:
    line = Line()
    for _ in range(SOFT // len(BIG) + 1):
        line.outbound.put(BIG)
    line.outbound.put("delta", droppable=True)
    line.outbound.put("durable")
    await until_sent(line, SOFT // len(BIG) + 2)
    assert line.sent[-1] == "durable"
    assert "delta" not in line.sent


async def test_a_reader_that_has_caught_up_gets_deltas_again() -> None:
    line = Line()
    count = SOFT // len(BIG) + 1
    for _ in range(count):
        line.outbound.put(BIG)
    line.outbound.confirm(count)
    line.outbound.put("delta", droppable=True)
    await until_sent(line, count + 1)
    assert line.sent[-1] == "delta"


async def test_a_hopeless_reader_is_closed_also_while_a_send_waits_for_it() -> None:
    line = Line(reads=False)
    for _ in range(HARD // len(BIG) + 1):
        line.outbound.put(BIG)
        await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await line.closed.wait()
    line.outbound.put("too late")
    line.resume()
    await line.outbound.aclose()
    assert "too late" not in line.sent


async def test_a_client_that_confirms_more_than_it_was_sent_gains_nothing() -> None:
    line = Line()
    line.outbound.put(BIG)
    line.outbound.confirm(10_000)
    for _ in range(SOFT // len(BIG) + 1):
        line.outbound.put(BIG)
    line.outbound.put("delta", droppable=True)
    line.outbound.put("durable")
    await until_sent(line, SOFT // len(BIG) + 3)
    assert "delta" not in line.sent
