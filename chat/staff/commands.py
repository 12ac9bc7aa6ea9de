"""What the team's page of a conversation may ask for."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chat.commands import Ping, SendMessage, Typing, read_message, read_ping, read_typing
from chat.frames import BadFrame, Frame, id_of, parse_with, said, short, whole


@dataclass(frozen=True, slots=True)
class OpenAsStaff:
    """`ticket`: what the page of the conversation was given, see `staff.tickets`."""

    ticket: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class TakeOver:
    from_colleague: bool


@dataclass(frozen=True, slots=True)
class GiveBack:
    pass


@dataclass(frozen=True, slots=True)
class Resolve:
    pass


@dataclass(frozen=True, slots=True)
class Assign:
    """To an account of the team; None: to nobody."""

    to: int | None


@dataclass(frozen=True, slots=True)
class AddNote:
    """What only the team reads."""

    client_action_id: uuid.UUID
    text: str


StaffCommand = OpenAsStaff | SendMessage | TakeOver | GiveBack | Resolve | Assign | AddNote | Typing | Ping


def parse_staff(raw: str | bytes) -> StaffCommand | None:
    """As `commands.parse`, of a socket of staff."""
    return parse_with(raw, _READERS)


def _note(frame: Frame) -> AddNote:
    text = said(frame)
    if not text:
        raise BadFrame("bad_request", words="empty")
    return AddNote(id_of(frame, "client_action_id"), text)


def _assign(frame: Frame) -> Assign:
    return Assign(None if frame.get("to") is None else whole(frame, "to", low=1))


_READERS: Mapping[str, Callable[[Frame], StaffCommand]] = {
    "hello": lambda frame: OpenAsStaff(short(frame, "ticket", 400), whole(frame, "last_seq", default=0)),
    "message.send": read_message,
    "staff.takeover": lambda frame: TakeOver(frame.get("from_colleague") is True),
    "staff.release": lambda _: GiveBack(),
    "staff.resolve": lambda _: Resolve(),
    "staff.assign": _assign,
    "staff.note": _note,
    "typing": read_typing,
    "ping": read_ping,
}
