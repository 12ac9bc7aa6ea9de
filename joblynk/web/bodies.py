"""Requests with large bodies: beside everybody else's, and not without end."""

import asyncio
import os
from typing import IO, Any

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse

SPOOLED = "joblynk.body"  # extension of a request's scope: its body as a file, from a server that has one
_MOST = 12_000_000  # bytes: a picture and the form around it; the same as in deploy/caddy/rules.caddy
_SLICE = 128 * 1024  # bytes taken before the others have their turn


class TooLarge(Exception):
    """A body is longer than it may be."""


def most(path: str) -> int:
    """Bytes that a body may have. Staff send videos, and many documents at once."""
    return max(_MOST, settings.VIDEO_MAX_MB * 2**20) if path.startswith("/admin/") else _MOST


class _Incoming:
    """What comes of one request."""

    def __init__(self, scope: dict[str, Any], receive: Any) -> None:
        self.file: IO[bytes] | None = scope.get("extensions", {}).get(SPOOLED)
        self.limit = most(scope["path"])
        self._receive = receive
        self._seen = self._since = 0

    async def __call__(self) -> Any:
        if self._since >= _SLICE:
            self._since = 0
            await asyncio.sleep(0)
        message = await self._receive()
        size = len(message.get("body", b""))
        self._seen += size
        self._since += size
        self.check(self._seen)
        return message

    def check(self, size: int) -> None:
        if size > self.limit:
            raise TooLarge


class FairHandler(ASGIHandler):
    """Django's, but a body that has arrived whole is not taken in one go: nobody else would be served
    while eight photos of a phone are written to disk. And one that is too large is not taken at all: no
    proxy need stand before the site."""

    async def handle(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        incoming = _Incoming(scope, receive)
        try:
            incoming.check(int(dict(scope["headers"]).get(b"content-length", 0)))
            await super().handle(scope, incoming, send)
        except TooLarge:
            words = f"This is too large: at most {incoming.limit // 1_000_000} MB are taken here."
            # The rest is still on its way, and no next request can be told from it.
            headers = {"Connection": "close"}
            await self.send_response(HttpResponse(words, "text/plain", 413, headers=headers), send)

    async def read_body(self, receive: Any) -> IO[bytes]:
        incoming: _Incoming = receive
        if incoming.file is None:
            return await super().read_body(incoming)
        await incoming()  # the empty message that stands for it
        incoming.check(incoming.file.seek(0, os.SEEK_END))
        incoming.file.seek(0)
        return incoming.file
