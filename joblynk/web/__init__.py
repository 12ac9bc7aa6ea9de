"""Web processes that end in good order: whoever is connected is told to go elsewhere, running answers are
finished, and only then does the process end.

Both servers do the same on SIGTERM: they listen no longer, close every WebSocket with 1012 (a page then
reconnects, to another process or to the next one here), and give answers and requests `GRACE` seconds.
"""

import sys

FRAME_LIMIT = 65_536  # bytes; PROTOCOL, rule 1
BACKLOG = 2_048  # Daphne's own 50 makes a burst of 64 connections wait a second
GRACE = 20.0  # seconds
RESTART = 1012  # the close code that means: connect again
# A page pings three times as often; ours only find those that went without a word, and each costs as much.
PING_SECONDS = 60

_ending = False


def ending() -> bool:
    """Whether this process takes no more customers. /readyz says so, and handshakes are refused."""
    return _ending


def begin_to_end() -> None:
    global _ending
    _ending = True


async def finish_answers() -> None:
    """Give running answers `GRACE` seconds, then break them off, each visibly."""
    if (wiring := sys.modules.get("chat.wiring")) is not None:  # else no application of ours was served
        await wiring.close_desk(GRACE)
    if (workshop := sys.modules.get("joblynk.pictures.workshop")) is not None:
        workshop.shutdown()  # a picture that is being read would keep the process for a minute
