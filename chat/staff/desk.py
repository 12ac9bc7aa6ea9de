"""What a person of the team may have done, on top of the process's desk."""

import uuid
from collections.abc import Callable
from functools import partial

from django.utils import timezone

from chat import protocol, transcripts
from chat.desk import Desk
from chat.protocol import DurableEvent
from chat.staff import roles
from chat.staff.roles import User
from chat.transcripts import Done, Person, Refused, Replied
from joblynk import executors

Change = Callable[..., Done | Refused]


class StaffDesk:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.live = desk.live

    async def events_after(self, conversation: uuid.UUID, seq: int) -> tuple[list[DurableEvent], bool]:
        return await executors.database(transcripts.events_after, conversation, seq)

    async def obey(
        self, conversation: uuid.UUID, user: User, command: protocol.StaffCommand
    ) -> Replied | Refused | None:
        """None when it is done; its events announce it. Who may not answer customers is refused."""
        if not roles.may(user, "answer_conversation"):
            return Refused("unavailable")
        person = roles.person(user)
        boss = roles.may(user, "assign_conversation")
        match command:
            case protocol.SendMessage(client_message_id, text, _):
                return await self._reply(conversation, person, client_message_id, text)
            case protocol.TakeOver(from_colleague):
                return await self._change(
                    transcripts.take_over, conversation, person, from_colleague and boss
                )
            case protocol.GiveBack():
                return await self._change(transcripts.give_back, conversation, person, boss)
            case protocol.Resolve():
                return await self._change(transcripts.resolve, conversation, person, boss)
            case protocol.Assign(to):
                return await self._assign(conversation, person, to, boss)
            case protocol.AddNote(action, text):
                return await self._note(conversation, person, action, text)
            case protocol.Typing(on):
                frame = {"type": "typing", "on": on, "author": person.name}
                self.live.tell(conversation, frame, staff=False)
                return None
            case _:
                return Refused("unavailable")

    async def _reply(
        self, conversation: uuid.UUID, person: Person, client_message_id: uuid.UUID, text: str
    ) -> Replied | Refused:
        now = timezone.now()
        result = await self._desk.write(
            lambda: transcripts.reply(conversation, person, client_message_id, text, now)
        )
        if isinstance(result, Replied):
            self.live.announce(result.events)
        return result

    async def _assign(
        self, conversation: uuid.UUID, person: Person, to: int | None, boss: bool
    ) -> Refused | None:
        team = await executors.database(roles.team)
        chosen = next((one for one in team if one.id == to), None)
        if to is not None and chosen is None:
            return Refused("unavailable")
        done = await self._change(partial(transcripts.assign, to=chosen), conversation, person, boss)
        if done is None:
            self._tell_team(conversation)
        return done

    async def _note(
        self, conversation: uuid.UUID, person: Person, action: uuid.UUID, text: str
    ) -> Refused | None:
        now = timezone.now()
        refused = await self._desk.write(
            lambda: transcripts.add_note(conversation, person, action, text, now)
        )
        if refused is None:
            self._tell_team(conversation, action)
        return refused

    def _tell_team(self, conversation: uuid.UUID, action: uuid.UUID | None = None) -> None:
        """What no customer hears of has changed. A page that misses it sees it with the next event."""
        told = {"client_action_id": str(action)} if action else {}
        self.live.tell(conversation, {"type": "team.changed", **told}, staff=True)

    async def _change(
        self, change: Change, conversation: uuid.UUID, person: Person, from_colleague: bool
    ) -> Refused | None:
        now = timezone.now()
        result = await self._desk.write(
            lambda: change(conversation, person, now, from_colleague=from_colleague)
        )
        if isinstance(result, Refused):
            return result
        self.live.announce(result.events)
        for answer in result.ended:
            self._desk.stop_answer(conversation, answer)
        return None
