"""Customers for load: a WebSocket that costs a few µs a frame, and on it one tab that checks what it gets.

Both run on any asyncio loop; the tests of several processes use them too.
"""

import asyncio
import base64
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast
from urllib.parse import urlsplit

import orjson

from chat import visitors
from joblynk.testing import overheard

SUBPROTOCOL = "joblynk.v1"
_ACKNOWLEDGE_EVERY = 100  # frames; the server keeps a window of unacknowledged bytes
_NO_MASK = b"\0\0\0\0"  # legal, and leaves the payload as it is
_PATIENCE = 60.0  # seconds for an answer
Frame = dict[str, Any]


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Look again and again, because what is waited for happens in another process. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class WebSocket(asyncio.Protocol):
    """A client's side of RFC 6455 for text in whole frames. `on_text` gets every message's bytes."""

    def __init__(self, handshake: bytes, on_text: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self._handshake = handshake
        self._on_text = on_text
        self._buffer = bytearray()
        self._open = False
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[int] = loop.create_future()
        """The close code; 1006 when there was none."""

    @classmethod
    async def connect(cls, url: str, on_text: Callable[[bytes], None], **headers: str) -> Self:
        """Raises ConnectionError when the handshake is refused."""
        parts = urlsplit(url)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = {
            "Host": parts.netloc,
            "Origin": f"http://{parts.netloc}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": SUBPROTOCOL,
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        handshake = f"GET {parts.path or '/'} HTTP/1.1\r\n{head}\r\n".encode()
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(
            lambda: cls(handshake, on_text), parts.hostname or "", parts.port or 80
        )
        try:
            await socket.opened
        except BaseException:  # waited for no longer: an answer that comes late finds nobody
            socket.abort()
            raise
        return socket

    def send(self, text: bytes) -> None:
        size = len(text)
        head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
        self.transport.write(head + _NO_MASK + text)

    def pause(self) -> None:
        """Stop reading, as a browser on a bad line does."""
        self.transport.pause_reading()

    def resume(self) -> None:
        self.transport.resume_reading()

    def abort(self) -> None:
        """Go away without a word."""
        self.transport.abort()

    async def close(self) -> None:
        if not self.closed.done():
            self.transport.write(b"\x88\x82" + _NO_MASK + (1000).to_bytes(2, "big"))
            await self.closed

    # --- What the loop calls -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._handshake)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("The handshake was refused."))
        if not self.closed.done():
            self.closed.set_result(1006)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._open and not self._take_head():
            return
        place = 0
        while (frame := _frame(buffer, place)) is not None:
            opcode, start, place = frame
            if opcode == 1:
                self._on_text(bytes(buffer[start:place]))
            elif opcode == 9:
                self.transport.write(
                    bytes((0x8A, 0x80 | (place - start))) + _NO_MASK + bytes(buffer[start:place])
                )
            elif opcode == 8:
                self._end(int.from_bytes(buffer[start : start + 2], "big") or 1005)
                return
        del buffer[:place]

    def _take_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        if b" 101 " not in self._buffer[: self._buffer.find(b"\r\n")]:
            self.opened.set_exception(ConnectionError(bytes(self._buffer[:200]).decode("latin-1")))
            self.transport.abort()
            return False
        del self._buffer[: end + 4]
        self._open = True
        self.opened.set_result(None)
        return True

    def _end(self, code: int) -> None:
        if not self.closed.done():
            self.closed.set_result(code)
        self.transport.close()


def _frame(buffer: bytearray, place: int) -> tuple[int, int, int] | None:
    """(opcode, start, end) of the payload at `place`, or None while it is incomplete."""
    if len(buffer) < place + 2:
        return None
    size, start = buffer[place + 1], place + 2
    if size == 126:
        size, start = int.from_bytes(buffer[place + 2 : place + 4], "big"), place + 4
    elif size == 127:
        size, start = int.from_bytes(buffer[place + 2 : place + 10], "big"), place + 10
    end = start + size
    return (buffer[place] & 0x0F, start, end) if start <= len(buffer) and end <= len(buffer) else None


@dataclass(slots=True)
class Asked:
    """One question and what came of it. Times are of `time.perf_counter`, 0.0 while it has not happened."""

    client_message_id: str
    at: float
    acked: float = 0.0
    first_text: float = 0.0
    finished: float = 0.0
    answer_id: str = ""
    streamed: str = ""
    """What a page would show: the deltas, put together by their offsets."""
    message: Frame = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Customer:
    """One tab. `faults` tells everything that must not happen: a gap in the durable events, one that
    differs from what was there before, text that does not continue where it should."""

    def __init__(self, url: str, visitor: str = "") -> None:
        self.url = url
        self.visitor = visitor or secrets.token_hex(16)
        self.headers: dict[str, str] = {}
        """Of the handshake, where they are others than the URL's."""
        self.events: dict[int, Frame] = {}
        self.faults: list[str] = []
        self.resyncs = 0
        """Deltas that were ahead of the text here: frames were lost, which the protocol allows."""
        self.conversation = ""
        self.received = 0
        self.asked: Asked | None = None
        self.others: list[Frame] = []
        """Frames that nothing else here wants, e.g. errors."""
        self._waiting: dict[str, asyncio.Future[Frame]] = {}

    async def connect(self, url: str = "") -> Self:
        """Open the socket, here or at another process, and take up the conversation where it was."""
        self.url = url or self.url
        self.received = 0
        cookie = f"{visitors.COOKIE}={visitors.sign(self.visitor)}"
        self.socket = await WebSocket.connect(self.url, self._hear, Cookie=cookie, **self.headers)
        while (await self._hello())["more"]:
            pass
        return self

    async def _hello(self) -> Frame:
        welcome = self._next("welcome")
        known = {"conversation": self.conversation} if self.conversation else {}
        self.send("hello", last_seq=self.seq, **known)
        return await welcome

    @property
    def seq(self) -> int:
        return max(self.events, default=0)

    def send(self, type_: str, **fields: Any) -> None:
        self.socket.send(orjson.dumps({"type": type_, **fields}))

    def begin(self, text: str, pictures: Sequence[str] = ()) -> Asked:
        """Send a question; its `done` is set when the answer has ended. `pictures` are ids."""
        overheard.note(text)
        self.asked = Asked(str(uuid.uuid4()), time.perf_counter())
        shown = {"attachment_ids": list(pictures)} if pictures else {}
        self.send("message.send", client_message_id=self.asked.client_message_id, text=text, **shown)
        return self.asked

    async def ask(self, text: str, pictures: Sequence[str] = ()) -> Asked:
        asked = self.begin(text, pictures)
        try:
            await asyncio.wait_for(asked.done.wait(), _PATIENCE)
        except TimeoutError:
            raise TimeoutError(f"No answer to {text!r}; instead {self.others[-3:]}") from None
        return asked

    async def ping(self) -> float:
        """Seconds until the answer."""
        pong = self._next("pong")
        began = time.perf_counter()
        self.send("ping", t=1, received=self.received)
        await pong
        return time.perf_counter() - began

    async def close(self) -> None:
        await self.socket.close()

    def _next(self, type_: str) -> asyncio.Future[Frame]:
        self._waiting[type_] = asyncio.get_running_loop().create_future()
        return self._waiting[type_]

    # --- What comes ----------------------------------------------------------------------------

    def _hear(self, raw: bytes) -> None:
        self.received += 1
        if self.received % _ACKNOWLEDGE_EVERY == 0:
            self.send("ping", received=self.received)
        frame = orjson.loads(raw)
        kind = frame["type"]
        if kind == "answer.delta":
            self._delta(frame)
        elif kind == "message.ack":
            if self.asked is not None and frame["client_message_id"] == self.asked.client_message_id:
                self.asked.acked = time.perf_counter()
        elif kind == "welcome":
            self.conversation = frame["conversation"]
            for event in frame["events"]:
                self._durable(event)
            if (running := frame["running"]) is not None and self.asked is not None:
                self.asked.answer_id, self.asked.streamed = running["message_id"], running["text"]
        elif "seq" in frame:
            self._durable(frame)
        elif kind not in ("pong", "answer.stage"):
            self.others.append(frame)
        if (waiting := self._waiting.pop(kind, None)) is not None and not waiting.done():
            waiting.set_result(frame)

    def _delta(self, frame: Frame) -> None:
        asked = self.asked
        if asked is None or frame["message_id"] != asked.answer_id:
            return
        if not asked.first_text:
            asked.first_text = time.perf_counter()
        offset, text, known = frame["offset"], frame["text"], len(asked.streamed)
        if offset > known:
            self.resyncs += 1
            return
        if asked.streamed[offset : offset + len(text)] != text[: known - offset]:  # it may all be known
            self.faults.append(f"delta at {offset} contradicts what is there")
        asked.streamed += text[known - offset :]

    def _durable(self, event: Frame) -> None:
        seq = event["seq"]
        if (known := self.events.get(seq)) is not None:
            if known != event:
                self.faults.append(f"event {seq} came twice and differs")
            return
        if seq != self.seq + 1:
            self.faults.append(f"event {seq} came after {self.seq}")
        self.events[seq] = event
        if self.asked is not None:
            self._progress(self.asked, event)

    def _progress(self, asked: Asked, event: Frame) -> None:
        message = event.get("message", {})
        if message.get("client_message_id") == asked.client_message_id:
            asked.message = message
        elif event["type"] == "answer.started" and event["reply_to"] == asked.message.get("id"):
            asked.answer_id = event["message_id"]
        elif asked.answer_id in (message.get("id"), event.get("message_id")) and asked.answer_id:
            asked.message, asked.finished = message, time.perf_counter()
            if message and not message["text"].startswith(asked.streamed):
                self.faults.append(
                    f"the stored answer differs from what was streamed: {message['text'][:60]}"
                )
            asked.done.set()
