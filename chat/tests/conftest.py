"""A desk with an assistant that says what the test scripts, behind the real consumer and database."""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from channels.testing import WebsocketCommunicator

from chat import visitors, wiring
from chat.assistant.events import Answered, AnswerEvent, Delta, Stage
from chat.assistant.services import Turn
from chat.consumers import ChatConsumer
from chat.desk import Desk
from joblynk import executors
from joblynk.testing import overheard

Frame = dict[str, Any]


class Script:
    """Answers with `pieces`. `hold(n)` makes it wait after n pieces until `release()`."""

    def __init__(self) -> None:
        self.pieces = ["Hello ", "there."]
        self.turns: list[Turn] = []
        self.closed = 0
        self.error: Exception | None = None
        self._hold_at = -1
        self._gate = asyncio.Event()

    def hold(self, after: int) -> None:
        self._hold_at = after
        self._gate.clear()

    def release(self) -> None:
        self._hold_at = -1
        self._gate.set()

    async def __call__(self, turn: Turn) -> AsyncGenerator[AnswerEvent, None]:
        self.turns.append(turn)
        try:
            yield Stage("searching")
            for place, piece in enumerate([*self.pieces, ""]):
                if place == self._hold_at:
                    await self._gate.wait()
                if piece:
                    yield Delta(piece)
            if self.error is not None:
                raise self.error
            yield Answered("stop", "llm", "".join(self.pieces), search_query=turn.question)
        finally:
            self.closed += 1


class Tab:
    """A browser tab: sends frames, and keeps all that it receives."""

    def __init__(self, visitor: str) -> None:
        cookie = f"{visitors.COOKIE}={visitors.sign(visitor)}".encode()
        self._communicator = WebsocketCommunicator(
            ChatConsumer.as_asgi(), "/ws/chat/", headers=[(b"cookie", cookie)], subprotocols=["joblynk.v1"]
        )
        self.frames: list[Frame] = []

    async def connect(self) -> "Tab":
        accepted, _ = await self._communicator.connect()
        assert accepted
        return self

    async def send(self, type_: str, **fields: Any) -> None:
        await self._communicator.send_to(text_data=json.dumps({"type": type_, **fields}, default=str))

    async def send_raw(self, text: str | None = None, data: bytes | None = None) -> None:
        await self._communicator.send_to(text_data=text, bytes_data=data)

    async def until(self, type_: str, **fields: Any) -> Frame:
        """Read until a frame of this type (and with these fields) comes; earlier frames are kept too."""
        wanted = {"type": type_, **fields}
        while True:
            frame = await self.until_any()
            if all(str(frame.get(key)) == str(value) for key, value in wanted.items()):
                return frame

    async def until_any(self) -> Frame:
        """The next frame; the end of the socket is one of type "closed"."""
        output = await self._communicator.receive_output(5)
        if output["type"] == "websocket.close":
            self.frames.append({"type": "closed", "code": output.get("code")})
        else:
            self.frames.append(json.loads(output["text"]))
        return self.frames[-1]

    async def nothing_more(self) -> None:
        assert await self._communicator.receive_nothing(timeout=0.2)

    async def hello(self, last_seq: int = 0, conversation: str | None = None) -> Frame:
        await self.send("hello", last_seq=last_seq, conversation=conversation)
        return await self.until("welcome")

    async def ask(self, text: str, client_message_id: uuid.UUID | None = None) -> Frame:
        overheard.note(text)
        await self.send("message.send", client_message_id=client_message_id or uuid.uuid4(), text=text)
        return await self.until("message.ack")

    async def answer(self) -> Frame:
        """The next finished answer."""
        while True:
            message: Frame = (await self.until("message.created"))["message"]
            if message["role"] == "assistant":
                return message

    def durable(self) -> list[Frame]:
        """Every durable event seen, by seq."""
        events = [
            frame
            for frame in self.frames
            if "seq" in frame and frame["type"] not in ("welcome", "message.ack")
        ]
        for frame in self.frames:
            if frame["type"] == "welcome":
                events += frame["events"]
        return list({event["seq"]: event for event in sorted(events, key=lambda e: e["seq"])}.values())

    async def close(self) -> None:
        await self._communicator.disconnect()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest_asyncio.fixture
async def desk(transactional_db: None, script: Script) -> AsyncIterator[Desk]:
    desk = wiring.build(script)
    wiring.seat(desk)
    await desk.start()
    yield desk
    await wiring.close_desk()
    executors.shutdown()


@pytest_asyncio.fixture
async def open_tab(desk: Desk) -> AsyncIterator[Callable[..., Awaitable[Tab]]]:
    tabs: list[Tab] = []

    async def open_one(visitor: str = "a" * 32) -> Tab:
        tabs.append(await Tab(visitor).connect())
        return tabs[-1]

    yield open_one
    for tab in tabs:
        await tab.close()
