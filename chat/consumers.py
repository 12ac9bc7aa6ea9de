"""The socket: a frame is parsed, one call is made, the result is encoded. No logic."""

import uuid
from typing import Any

from channels.exceptions import StopConsumer

from chat import networks, protocol, transcripts, visitors, wiring
from chat.protocol import BadFrame
from chat.sockets import CLOSE_FLOOD, CLOSE_NOT_ALLOWED, ConversationSocket
from chat.throttles import Wait
from chat.transcripts import Refused, View
from joblynk import metrics
from joblynk.web import ending


class ChatConsumer(ConversationSocket):
    """One tab of a customer."""

    staff = False

    async def websocket_connect(self, _: Any) -> None:
        self.desk = await wiring.desk()
        visitor = visitors.of_headers(self.scope.get("headers", ()))
        self.visitor = visitor or ""
        self.view: View | None = None
        ours = await self._accept()
        if visitor is None or not ours:
            await self._close(CLOSE_NOT_ALLOWED)

    async def websocket_disconnect(self, _: Any) -> None:
        if self.view is not None:
            await self.desk.live.leave(self.view.id, self)
        await self.outbound.aclose()
        raise StopConsumer

    async def websocket_receive(self, message: Any) -> None:
        if self.closed or ending():
            return  # sent before the sender knew, and sent again to the next process
        if self.desk.allowed.frames.take(self.visitor):
            await self._close(CLOSE_FLOOD)
            return
        await self._heed(message, protocol.parse, self._obey)

    async def _obey(self, command: protocol.Command) -> None:
        match command:
            case protocol.Ping(t, received):
                self.outbound.confirm(received)
                self._put({"type": "pong", "t": t})
                if self.view is not None:
                    await self.desk.watch_again(self.view.id)
            case protocol.Hello():
                await self._hello(command)
            case protocol.Typing(on) if self.view is not None:
                self.desk.live.tell(self.view.id, {"type": "typing", "on": on}, staff=True)
            case protocol.Read(seq) if self.view is not None:
                await self.desk.seen(self.view.id, min(seq, self.seq))
            case protocol.Typing() | protocol.Read():
                pass
            case _ if self.view is None:
                raise BadFrame("bad_request")
            case _ if await self._must_wait(command):
                pass
            case protocol.SendMessage():
                await self._ask(self.view.id, command)
            case protocol.NewConversation():
                await self._start_anew(self.view.id)
            case _:
                result = await self.desk.obey(self.view.id, command, self._network())
                if isinstance(result, Refused):
                    self._put(protocol.error(result.code))

    async def _hello(self, hello: protocol.Hello) -> None:
        view = await self.desk.open(self.visitor, hello)
        if view is None:
            self._put(protocol.error("not_found"))
            return
        self.tongue = (hello.locale, hello.time_zone)
        await self._enter(view, min(hello.last_seq, view.last_seq))

    async def _enter(self, view: View, seq: int) -> None:
        """Listen first, then read the backlog: nothing falls between the two."""
        if self.view is not None and self.view.id != view.id:
            await self.desk.live.leave(self.view.id, self)
        self.view, self.seq, self.reading, self.missed = view, seq, True, False
        await self.desk.live.join(view.id, self)
        if view.last_seq - seq > transcripts.LONG_BACKLOG:
            self.seq, self.reading = view.last_seq, False
            self._put({"type": "reset", "conversation": view.id, "reason": "long_backlog"})
            return
        events, more, running = await self.desk.backlog(view.id, seq)
        self.seq, self.reading = (events[-1].seq if events else seq), False
        status = next(
            (str(e.data["status"]) for e in reversed(events) if e.type == "conversation.updated"), view.status
        )
        self._put(
            protocol.welcome(
                view.id,
                status,
                max(view.last_seq, self.seq),
                events,
                more=more,
                running=running,
                features=self.desk.features,
            )
        )
        if self.missed:
            await self.desk.live.catch_up(view.id)

    async def _must_wait(self, command: protocol.Command) -> bool:
        """Whether this visitor has done too much of this lately, which it is then told."""
        match command:
            case protocol.StopAnswer():
                return False
            case protocol.SendMessage() | protocol.RetryAnswer() | protocol.CorrectPicture():
                wait = await self.desk.throttle.take(self.visitor, self._network())
            case _:
                seconds = self.desk.allowed.actions.take(self.visitor)
                wait = Wait("visitor", seconds) if seconds else None
        if wait is not None:
            metrics.REFUSED.labels(wait.scope).inc()
            question = command.client_message_id if isinstance(command, protocol.SendMessage) else None
            self._put(protocol.rate_limited(wait.scope, wait.seconds, question))
        return wait is not None

    def _network(self) -> str:
        peer = self.scope.get("client") or ("",)
        return networks.network_of(self.scope.get("headers", ()), str(peer[0]))

    async def _ask(self, conversation: uuid.UUID, command: protocol.SendMessage) -> None:
        result = await self.desk.turns.ask(
            conversation, command.client_message_id, command.text, command.attachment_ids
        )
        if isinstance(result, Refused):
            self._put(protocol.error(result.code, client_message_id=command.client_message_id))
        else:
            self._put(protocol.ack(command.client_message_id, result.question_id, result.seq))

    async def _start_anew(self, conversation: uuid.UUID) -> None:
        view = await self.desk.start_anew(self.visitor, conversation, *self.tongue)
        await self._enter(view, 0)
