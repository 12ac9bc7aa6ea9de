"""Requests with large bodies beside everybody else's."""

import asyncio
from typing import IO, Any

from django.core.handlers.asgi import ASGIHandler

_SLICE = 128 * 1024  # bytes taken before the others have their turn


class FairHandler(ASGIHandler):
    """Django's, but a body that has arrived whole is not taken in one go: nobody else would be served
    while eight photos of a phone are written to disk."""

    async def read_body(self, receive: Any) -> IO[bytes]:
        taken = 0

        async def receive_in_turn() -> Any:
            nonlocal taken
            if taken >= _SLICE:
                taken = 0
                await asyncio.sleep(0)
            message = await receive()
            taken += len(message.get("body", b""))
            return message

        return await super().read_body(receive_in_turn)
