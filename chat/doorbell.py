"""Rings for the web processes from outside of them: a worker has stored events of a conversation.

Without a channel layer there is nobody to ring for; the web process looks for itself every few seconds.
"""

import asyncio
import logging
from collections.abc import Iterable
from functools import cache
from threading import Lock
from typing import Any
from uuid import UUID

from channels.layers import get_channel_layer

from chat.live import LAYER_TIMEOUT, group_of, ring_of
from chat.protocol import DurableEvent

logger = logging.getLogger(__name__)
_lock = Lock()  # pages for staff ring from threads of their own


def ring(events: Iterable[DurableEvent]) -> None:
    """After the commit. A ring that is not heard costs the time until the next look."""
    reached = {event.conversation: event.seq for event in events}
    layer = get_channel_layer()
    if not reached or layer is None:
        return
    try:
        with _lock:
            _runner().run(_ring(layer, reached))
    except Exception as error:  # noqa: BLE001 - a layer that is away must not undo what is stored
        logger.warning("channel_layer_failed verb=ring error=%s", type(error).__name__)


async def _ring(layer: Any, reached: dict[UUID, int]) -> None:
    async with asyncio.timeout(LAYER_TIMEOUT):
        for conversation, seq in reached.items():
            await layer.group_send(group_of(conversation), ring_of(conversation, seq))


@cache
def _runner() -> asyncio.Runner:
    """One loop for all rings of this process: the layer keeps a connection per loop."""
    return asyncio.Runner()
