"""Sentry's envelope endpoint over real HTTP: what arrives is taken apart and kept."""

import gzip
from typing import Any

import orjson

from joblynk.testing.http_server import Connection, FakeServer, Request

PROJECT = 1


class FakeSentry(FakeServer):
    """`dsn` is what a site is told; `events` are those that it has reported."""

    @property
    def dsn(self) -> str:
        return f"{self.base_url.replace('://', '://key@')}/{PROJECT}"

    @property
    def events(self) -> list[dict[str, Any]]:
        items = (item for request in self.requests for item in _items(envelope(request)))
        return [payload for kind, payload in items if kind == "event"]

    async def answer(self, request: Request, connection: Connection) -> None:
        known = "sentry_key=key" in request.headers.get("x-sentry-auth", "")
        asked = (request.method, request.path) == ("POST", f"/api/{PROJECT}/envelope/")
        connection.respond(200 if known and asked else 403, b'{"id":"0"}')


def envelope(request: Request) -> bytes:
    packed = request.headers.get("content-encoding") == "gzip"
    return gzip.decompress(request.body) if packed else request.body


def _items(data: bytes) -> list[tuple[str, Any]]:
    """Type and payload of each; a header says how long its payload is."""
    _, _, rest = data.partition(b"\n")
    found = []
    while rest:
        line, _, rest = rest.partition(b"\n")
        header = orjson.loads(line)
        payload, rest = rest[: header["length"]], rest[header["length"] + 1 :]
        found.append((header["type"], orjson.loads(payload)))
    return found
