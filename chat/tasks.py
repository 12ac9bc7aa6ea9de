"""What the worker does for conversations: mails that are due, and tidying up. See BACKGROUND_WORK."""

import time
from collections.abc import Callable

from chat import delivery, wiring

_TIDY_EVERY = 600.0  # seconds

TIDYING: tuple[Callable[[], object], ...] = ()
"""Each forgets what is no longer needed; called every ten minutes."""

_tidied: float | None = None


def send_due() -> bool:
    """Send the mails that are due, for some seconds; True if more are left."""
    return delivery.send_due(wiring.video_link)


def tidy() -> bool:
    """Call everything in `TIDYING`, at the start of the worker and then now and again."""
    global _tidied
    now = time.monotonic()
    if _tidied is None or now - _tidied > _TIDY_EVERY:
        _tidied = now
        for work in TIDYING:
            work()
    return False
