"""One HTTP client per event loop.

A client keeps sockets that belong to the loop they were opened in: used from another loop it fails
with "Event loop is closed". Made at first use, closed in the loop that made it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._clients: dict[asyncio.AbstractEventLoop, T] = {}

    def get(self) -> T:
        """The running loop's client."""
        loop = asyncio.get_running_loop()
        if (client := self._clients.get(loop)) is None:
            self._forget_closed_loops()
            client = self._clients[loop] = self._make()
        return client

    async def aclose(self) -> None:
        """Close the running loop's client. Those of other running loops stay theirs to close."""
        self._forget_closed_loops()
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await self._close(client)

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in self._clients if loop.is_closed()]:
            self._clients.pop(loop, None)
