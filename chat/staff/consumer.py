"""The socket of a page on which staff read and answer one conversation. Frames in, one call, frames out.

Who sits there is read from the session before each frame, and every 30 s without one: whoever lost the
permission to read conversations is heard and told nothing more.
"""

import asyncio
import contextlib
import uuid
from functools import partial
from typing import Any

from channels.exceptions import StopConsumer

from chat import protocol, wiring
from chat.protocol import BadFrame
from chat.sockets import CLOSE_NOT_ALLOWED, ConversationSocket
from chat.staff import sessions, tickets
from chat.staff.desk import StaffDesk
from chat.staff.roles import User
from chat.transcripts import Refused, Replied, refusal_words
from joblynk import executors
from joblynk.web import ending

LOOK_EVERY = 30.0  # seconds between two looks at the permission


class StaffConsumer(ConversationSocket):
    """One tab of a member of staff."""

    staff = True

    async def websocket_connect(self, _: Any) -> None:
        self.desk = StaffDesk(await wiring.desk())
        self.session = sessions.key_of(self.scope.get("headers", ()))
        self.conversation: uuid.UUID | None = None
        ours = await self._accept()
        self.looking = asyncio.get_running_loop().create_task(self._keep_looking())
        if not ours or await self._user() is None:
            await self._close(CLOSE_NOT_ALLOWED)

    async def websocket_disconnect(self, _: Any) -> None:
        self.looking.cancel()
        await self._leave()
        await self.outbound.aclose()
        raise StopConsumer

    async def websocket_receive(self, message: Any) -> None:
        if self.closed or ending():
            return
        user = await self._user()
        if user is None:
            await self._close(CLOSE_NOT_ALLOWED)
            return
        await self._heed(message, protocol.parse_staff, partial(self._obey, user))

    async def _obey(self, user: User, command: protocol.StaffCommand) -> None:
        match command:
            case protocol.Ping(t, received):
                self.outbound.confirm(received)
                self._put({"type": "pong", "t": t})
            case protocol.OpenAsStaff(ticket, seq):
                await self._open(tickets.conversation_of(ticket, int(user.pk or 0)), seq)
            case _ if self.conversation is None:
                raise BadFrame("bad_request")
            case _:
                result = await self.desk.obey(self.conversation, user, command)
                self._tell(command, result)

    def _tell(self, command: protocol.StaffCommand, result: Replied | Refused | None) -> None:
        asked = command.client_message_id if isinstance(command, protocol.SendMessage) else None
        if isinstance(result, Refused):
            words = refusal_words(result)
            self._put(protocol.error(result.code, text=words, client_message_id=asked))
        elif isinstance(result, Replied) and asked is not None:
            self._put(protocol.ack(asked, result.message_id, result.seq))

    async def _open(self, conversation: uuid.UUID | None, seq: int) -> None:
        """Listen first, then read what came since the page was made."""
        if conversation is None:
            self._put(protocol.error("not_found"))
            return
        await self._leave()
        self.conversation, self.seq, self.reading, self.missed = conversation, seq, True, False
        await self.desk.live.join(conversation, self)
        more = True
        while more:
            events, more = await self.desk.events_after(conversation, self.seq)
            self._pass_on(events)
        self.reading = False
        self._put({"type": "welcome", "conversation": conversation, "seq": self.seq})
        if self.missed:
            await self.desk.live.catch_up(conversation)

    async def _leave(self) -> None:
        if self.conversation is not None:
            await self.desk.live.leave(self.conversation, self)

    async def _forget(self) -> None:
        await self._leave()
        self.conversation = None

    # --- Who sits here -------------------------------------------------------------------------

    async def _user(self) -> User | None:
        return await executors.database(sessions.reader, self.session)

    async def _keep_looking(self) -> None:
        while not self.closed:
            await asyncio.sleep(LOOK_EVERY)
            with contextlib.suppress(Exception):  # a database that is away says nothing about a person
                if await self._user() is None:
                    await self._close(CLOSE_NOT_ALLOWED)
