"""What the customers' and the staff's sockets share: frames come in by turns, replies and events go out."""

import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from chat import protocol
from chat.protocol import BadFrame, DurableEvent
from chat.window import Outbound
from joblynk import metrics

logger = logging.getLogger(__name__)

BAD_FRAMES = 20  # on one socket, before it is closed
CLOSE_BAD_FRAMES, CLOSE_NOT_ALLOWED, CLOSE_FLOOD = 4400, 4401, 4429


class ConversationSocket(AsyncConsumer):
    """One tab that follows a conversation: the `Socket` that `live` delivers to.

    A consumer without Channels' database hop before every frame: its queries run in threads that look after
    their connections themselves. It needs no channel of its own either.
    """

    staff: bool
    _line: Callable[[Any], Awaitable[None]]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self._line = send
        metrics.SOCKETS.inc()
        try:
            while True:
                message = await receive()
                await getattr(self, message["type"].replace(".", "_"))(message)
        except StopConsumer:
            pass
        finally:
            metrics.SOCKETS.dec()

    async def _accept(self) -> bool:
        """Whether the other side speaks our subprotocol."""
        self.seq = 0
        self.reading = self.missed = self.closed = False
        self.bad_frames = 0
        self.outbound = Outbound(self._send_text, self._flooded)
        # To name a subprotocol that was not offered would break the handshake.
        ours = {protocol.SUBPROTOCOL}.intersection(self.scope.get("subprotocols", ()))
        await self._emit({"type": "websocket.accept", "subprotocol": min(ours, default=None)})
        return bool(ours)

    async def _heed(
        self,
        message: Any,
        parse: Callable[[str | bytes], Any],
        obey: Callable[[Any], Awaitable[None]],
    ) -> None:
        """One frame: `parse` makes a command of it, or None, and `obey` is handed that. Whatever goes wrong,
        the sender is told in words."""
        client_message_id: uuid.UUID | None = None
        try:
            command = parse(message.get("text") if message.get("text") is not None else b"")
            client_message_id = getattr(command, "client_message_id", None)
            if command is not None:
                await obey(command)
        except BadFrame as error:
            await self._refuse_frame(error)
        except Exception:
            ref = secrets.token_hex(4)
            logger.exception("frame_failed ref=%s", ref)
            self._put(
                protocol.error("internal", ref=ref, client_message_id=client_message_id, retryable=True)
            )
        await self.outbound.flush()

    async def _refuse_frame(self, error: BadFrame) -> None:
        self.bad_frames += 1
        self._put(protocol.error(error.code, text=error.text, client_message_id=error.client_message_id))
        if self.bad_frames >= BAD_FRAMES:
            await self.outbound.flush()
            await self._close(CLOSE_BAD_FRAMES)

    # --- What `live` calls ---------------------------------------------------------------------

    def take(self, events: Sequence[DurableEvent]) -> bool:
        if self.reading:
            self.missed = True
            return True
        fresh = [event for event in events if event.seq > self.seq]
        if fresh and fresh[0].seq != self.seq + 1:
            return False
        self._pass_on(fresh)
        return True

    def _pass_on(self, events: Sequence[DurableEvent]) -> None:
        for event in events:
            self.seq = event.seq
            if not self.closed:
                self.outbound.put(protocol.encode(event))

    def offer(self, frame: str) -> None:
        if not self.closed:
            self.outbound.put(frame, droppable=True)

    # --- Sending -------------------------------------------------------------------------------

    def _put(self, frame: protocol.Frame) -> None:
        """An answer to the frame at hand, sent when that is done with."""
        self.outbound.reply(protocol.encode(frame))

    async def _send_text(self, text: str) -> None:
        if not self.closed:
            await self._emit({"type": "websocket.send", "text": text})

    async def _emit(self, message: Any) -> None:
        with suppress(OSError):  # the other side has gone, which the server tells next
            await self._line(message)

    async def _flooded(self) -> None:
        await self._close(CLOSE_FLOOD)

    async def _close(self, code: int) -> None:
        if not self.closed:
            self.closed = True
            await self._forget()
            await self._emit({"type": "websocket.close", "code": code})

    async def _forget(self) -> None:
        """What is to be let go of before the other side is told that the socket closes."""
