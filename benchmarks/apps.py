"""ASGI applications to measure against, and the site with a model or a database of our making.

Each is served like the site itself; what they need to know comes from the environment.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from joblynk.asgi import application as site  # first, because it loads the apps

# isort: split
import orjson
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import connection

from benchmarks.client import SUBPROTOCOL
from chat import wiring
from chat.assistant.events import Answered, AnswerEvent, Delta, Stage
from chat.assistant.services import Turn
from joblynk import executors
from joblynk.testing.fake_groq import numbered

TOKENS = int(os.environ.get("BENCHMARK_TOKENS", "150"))
PER_SECOND = float(os.environ.get("BENCHMARK_PER_SECOND", "500"))
FIRST = float(os.environ.get("BENCHMARK_FIRST", "0.1"))
MODEL = os.environ.get("BENCHMARK_MODEL", "")
"""Address of a fake Groq."""
FRAME_SECONDS = 0.04
_SLOW_QUERY = """
    WITH RECURSIVE n(i, s) AS (SELECT 1, 0 UNION ALL SELECT i + 1, (s + i * i) % 7 FROM n WHERE i < %s)
    SELECT max(s) FROM n
"""


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """The least that a server can do."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


class _StockEcho(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept(SUBPROTOCOL)

    async def receive_json(self, content: Any, **_: Any) -> None:
        await self.send_json(content)


stock: Any = _StockEcho.as_asgi()
"""A consumer as Channels' documentation shows it."""


async def relay(scope: Any, receive: Any, send: Any) -> None:
    """A model's answer straight to the socket: nothing is searched, stored or shared."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
    while (await receive())["type"] == "websocket.receive":
        await _send_gathered(_tokens_over_http() if MODEL else _tokens_here(), send)
        await send({"type": "websocket.send", "text": '{"type":"end"}'})


async def _send_gathered(tokens: AsyncIterator[str], send: Any) -> None:
    loop = asyncio.get_running_loop()
    gathered: list[str] = []
    due = 0.0
    async for token in tokens:
        gathered.append(token)
        if loop.time() >= due:
            await send(_delta(gathered))
            due = loop.time() + FRAME_SECONDS
    await send(_delta(gathered))


def _delta(gathered: list[str]) -> dict[str, str]:
    text = orjson.dumps({"type": "answer.delta", "text": "".join(gathered)}).decode()
    gathered.clear()
    return {"type": "websocket.send", "text": text}


async def _tokens_over_http() -> AsyncIterator[str]:
    parts = urlsplit(MODEL)
    body = orjson.dumps({"model": "openai/gpt-oss-120b", "stream": True, "messages": []})
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer key-1"
    writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    rest = b""
    try:
        while data := await reader.read(65_536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b"data: {"):
                    if token := orjson.loads(line[6:])["choices"][0]["delta"].get("content"):
                        yield token
                elif line.startswith(b"data: [DONE]"):
                    return
    finally:
        writer.close()


async def _tokens_here() -> AsyncGenerator[str, None]:
    """A model in this process that keeps its rate by the clock."""
    clock = asyncio.get_running_loop().time
    start = clock() + FIRST
    for place, token in enumerate(numbered(TOKENS)):
        if (wait := start + place / PER_SECOND - clock()) > 0:
            await asyncio.sleep(wait)
        yield token


async def _answer(_: Turn) -> AsyncGenerator[AnswerEvent, None]:
    yield Stage("writing")
    text = ""
    async for token in _tokens_here():
        text += token
        yield Delta(token)
    yield Answered("stop", "llm", text)


async def scripted(scope: Any, receive: Any, send: Any) -> None:
    """The whole site, with that model for its assistant: no search, no HTTP."""
    if asyncio.get_running_loop() not in wiring._desks:
        desk = wiring.build(_answer)
        wiring.seat(desk)
        await desk.start()
    await site(scope, receive, send)


async def slow(scope: Any, receive: Any, send: Any) -> None:
    """The whole site; a request for /slow makes one database call, as sockets make them, that lasts as
    long as the query string says in millions of steps."""
    if scope["type"] != "http" or scope["path"] != "/slow":
        await site(scope, receive, send)
        return
    await executors.database(_query_slowly, int(float(scope["query_string"]) * 1_000_000))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _query_slowly(steps: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SLOW_QUERY, [steps])
        cursor.fetchall()
