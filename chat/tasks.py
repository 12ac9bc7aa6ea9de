"""What the worker does for conversations: mails that are due, and tidying up. See BACKGROUND_WORK."""

import time
from collections.abc import Callable

from django.utils import timezone

from chat import attachments, delivery, wiring
from chat.transcripts import digests, privacy, replies

_TIDY_EVERY = 600.0  # seconds
_DIGEST_SECONDS = 2.0
_PRUNE_EVERY = 86_400.0  # seconds

_tidied: float | None = None
_pruned: float | None = None


def send_due() -> bool:
    """Send the mails that are due, for some seconds; True if more are left."""
    replies.queue_due(timezone.now())
    return delivery.send_due(wiring.video_link)


def digest_due() -> bool:
    """Bring what was said into what staff search in, for some seconds; True if more is left."""
    return digests.catch_up(_DIGEST_SECONDS)


def prune_daily() -> None:
    """Forget what is older than the site keeps, at the start of the worker and then once a day."""
    global _pruned
    now = time.monotonic()
    if _pruned is None or now - _pruned > _PRUNE_EVERY:
        _pruned = now
        privacy.prune(anew=False)  # nobody is to wait for it


TIDYING: tuple[Callable[[], object], ...] = (prune_daily, attachments.forget_unsent)
"""Each forgets what is no longer needed; called every ten minutes."""


def tidy() -> bool:
    """Call everything in `TIDYING`, at the start of the worker and then now and again."""
    global _tidied
    now = time.monotonic()
    if _tidied is None or now - _tidied > _TIDY_EVERY:
        _tidied = now
        for work in TIDYING:
            work()
    return False
