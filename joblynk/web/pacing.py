"""A response in pieces goes no faster than its reader takes it.

uvicorn waits before it takes the next piece; Daphne would take all of them at once, and a file would pile up
in memory for whoever asks for it and does not read.
"""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IPushProducer
from twisted.web.http import Request
from zope.interface import implementer  # type: ignore[import-untyped]


@implementer(IPushProducer)
class Gate:
    """What Twisted tells when the connection is full, and when there is room again."""

    def __init__(self) -> None:
        self._room = asyncio.Event()
        self._room.set()

    async def wait(self) -> None:
        await self._room.wait()

    def pauseProducing(self) -> None:
        self._room.clear()

    def resumeProducing(self) -> None:
        self._room.set()

    def stopProducing(self) -> None:
        """The reader has gone: what is written from here on is thrown away."""
        self._room.set()


class Pacing:
    """The gates of the responses that are under way."""

    def __init__(self) -> None:
        self._gates: WeakKeyDictionary[Any, Gate] = WeakKeyDictionary()

    async def before(self, protocol: Any, message: dict[str, Any]) -> None:
        """To be called before Daphne takes `message`: waits for room, if this is a response in pieces."""
        if message["type"] != "http.response.body" or not isinstance(protocol, Request):
            return
        request: Any = protocol  # whose methods have no types
        gate = self._gates.get(request)
        if gate is not None:
            await gate.wait()
            if not message.get("more_body"):
                del self._gates[request]
                request.unregisterProducer()
        elif message.get("more_body") and request.channel is not None:
            self._gates[request] = gate = Gate()
            request.registerProducer(gate, True)
