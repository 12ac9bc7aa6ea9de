"""What a customer's browser may ask for: frames become commands, or are refused by name."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from chat.words import WORDS


class BadFrame(Exception):
    """The frame cannot be obeyed. `code` and `text` go back to the sender."""

    def __init__(self, code: str, *, words: str = "", client_message_id: uuid.UUID | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.text = WORDS[words or code]
        self.client_message_id = client_message_id


@dataclass(frozen=True, slots=True)
class Hello:
    last_seq: int = 0
    conversation: uuid.UUID | None = None
    locale: str = ""
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class SendMessage:
    client_message_id: uuid.UUID
    text: str
    attachment_ids: tuple[uuid.UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class StopAnswer:
    message_id: uuid.UUID | None
    client_message_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class RetryAnswer:
    message_id: uuid.UUID
    client_action_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class CorrectPicture:
    """What the customer says that a picture says; it may say nothing."""

    attachment_id: uuid.UUID
    text: str
    client_action_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class SetFeedback:
    message_id: uuid.UUID
    value: int
    reason: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class RequestHandoff:
    client_action_id: uuid.UUID
    email: str = ""


@dataclass(frozen=True, slots=True)
class CancelHandoff:
    client_action_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class NewConversation:
    client_action_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class SubmitCsat:
    score: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class EmailTranscript:
    email: str
    client_action_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Ping:
    t: Any = None
    received: int = 0


@dataclass(frozen=True, slots=True)
class VideoEvent:
    """What the customer does with a video under an answer; `second` of the video, if told."""

    message_id: uuid.UUID
    video_id: int
    event: str
    second: float | None = None


@dataclass(frozen=True, slots=True)
class Typing:
    """Told to the other side, and kept nowhere."""

    on: bool


@dataclass(frozen=True, slots=True)
class Read:
    """How far somebody who has the page before them has seen."""

    up_to_seq: int


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


Command = (
    Hello
    | SendMessage
    | StopAnswer
    | RetryAnswer
    | CorrectPicture
    | SetFeedback
    | RequestHandoff
    | CancelHandoff
    | NewConversation
    | SubmitCsat
    | EmailTranscript
    | Ping
    | Typing
    | Read
    | VideoEvent
)
StaffCommand = OpenAsStaff | SendMessage | TakeOver | GiveBack | Resolve | Typing | Ping


Frame = Mapping[str, Any]
Made = TypeVar("Made")
LONGEST_ADDRESS = 254  # characters; RFC 5321
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_VISIBLE = re.compile(r"[^\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def parse(raw: str | bytes) -> Command | None:
    """One text frame → a command; None for a type this server does not know.

    Raises `BadFrame` for what is no JSON object, is over the size limit, or lacks a field.
    """
    return _parse(raw, _READERS)


def parse_staff(raw: str | bytes) -> StaffCommand | None:
    """The same of a socket of staff."""
    return _parse(raw, _STAFF_READERS)


def _parse(raw: str | bytes, readers: "Mapping[str, Callable[[Frame], Made]]") -> "Made | None":
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    if len(data) > settings.CHAT_FRAME_LIMIT:
        raise BadFrame("bad_request")
    frame = _load(data)
    if not isinstance(frame, dict):
        raise BadFrame("bad_request")
    kind = frame.get("type")
    reader = readers.get(kind) if isinstance(kind, str) else None
    return reader(frame) if reader else None


def _load(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if not _SURROGATE_ESCAPE.search(data):
            raise BadFrame("bad_request") from None
    # A browser can send half a surrogate pair, which orjson refuses. Python's parser keeps it, so the
    # refusal can name the message it belongs to.
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise BadFrame("bad_request") from None


def _hello(frame: Frame) -> Hello:
    client = frame.get("client")
    client = client if isinstance(client, dict) else {}
    return Hello(
        last_seq=_whole(frame, "last_seq", default=0),
        conversation=_optional_id(frame, "conversation"),
        locale=_short(client, "locale", 35),
        time_zone=_short(client, "tz", 64),
    )


def _send(frame: Frame) -> SendMessage:
    client_message_id = _id(frame, "client_message_id")
    text = frame.get("text", "")
    ids = _ids(frame, "attachment_ids")
    if not isinstance(text, str) or ids is None:
        raise BadFrame("bad_request", client_message_id=client_message_id)
    if _SURROGATE.search(text) or _CONTROL.search(text):
        raise BadFrame("bad_request", words="unreadable", client_message_id=client_message_id)
    if len(text) > settings.CHAT_TEXT_LIMIT:
        raise BadFrame("too_long", client_message_id=client_message_id)
    if len(ids) > settings.CHAT_PICTURES or len(set(ids)) < len(ids):
        raise BadFrame("bad_attachment", words="too_many_pictures", client_message_id=client_message_id)
    if not ids and not _VISIBLE.search(text):
        raise BadFrame("bad_request", words="empty", client_message_id=client_message_id)
    return SendMessage(client_message_id, text.strip() if _VISIBLE.search(text) else "", ids)


def _stop(frame: Frame) -> StopAnswer:
    message, client = _optional_id(frame, "message_id"), _optional_id(frame, "client_message_id")
    if message is None and client is None:
        raise BadFrame("bad_request")
    return StopAnswer(message, client)


def _correct_picture(frame: Frame) -> CorrectPicture:
    text = frame.get("text", "")
    if not isinstance(text, str) or _SURROGATE.search(text) or _CONTROL.search(text):
        raise BadFrame("bad_request", words="unreadable")
    if len(text) > settings.CHAT_TEXT_LIMIT:
        raise BadFrame("too_long")
    return CorrectPicture(_id(frame, "attachment_id"), text.strip(), _id(frame, "client_action_id"))


def _feedback(frame: Frame) -> SetFeedback:
    value = _whole(frame, "value", low=-1, high=1)
    return SetFeedback(
        _id(frame, "message_id"), value, _short(frame, "reason", 40), _short(frame, "comment", 1_000)
    )


def _handoff(frame: Frame) -> RequestHandoff:
    email = _short(frame, "email", 1_000)
    return RequestHandoff(_id(frame, "client_action_id"), one_address(email) if email else "")


def _csat(frame: Frame) -> SubmitCsat:
    return SubmitCsat(_whole(frame, "score", low=1, high=5), _short(frame, "comment", 1_000))


def _ping(frame: Frame) -> Ping:
    t = frame.get("t")
    # What no browser's clock says might be more than a frame can carry back.
    told = isinstance(t, int | float) and abs(t) < 2**53
    return Ping(t if told else None, _whole(frame, "received", default=0))


_VIDEO_EVENTS = frozenset({"opened", "quarter", "half", "three_quarters", "ended", "helped", "not_helped"})


def _video_event(frame: Frame) -> VideoEvent:
    event, second = frame.get("event"), frame.get("at")
    if not isinstance(event, str) or event not in _VIDEO_EVENTS:
        raise BadFrame("bad_request")
    # No video lasts longer than a day; infinities and what is no number are not told on.
    if isinstance(second, bool) or not isinstance(second, int | float) or not 0 <= second <= 86_400:
        second = None
    video_id = _whole(frame, "video_id", low=1, high=2**63 - 1)
    return VideoEvent(_id(frame, "message_id"), video_id, event, second)


def _typing(frame: Frame) -> Typing:
    return Typing(frame.get("on") is not False)


_READERS: Mapping[str, Callable[[Frame], Command]] = {
    "hello": _hello,
    "message.send": _send,
    "answer.stop": _stop,
    "answer.retry": lambda frame: RetryAnswer(_id(frame, "message_id"), _id(frame, "client_action_id")),
    "picture.correct": _correct_picture,
    "feedback.set": _feedback,
    "handoff.request": _handoff,
    "handoff.cancel": lambda frame: CancelHandoff(_id(frame, "client_action_id")),
    "conversation.new": lambda frame: NewConversation(_id(frame, "client_action_id")),
    "csat.submit": _csat,
    "transcript.email": lambda frame: EmailTranscript(
        one_address(_short(frame, "email", 1_000)), _id(frame, "client_action_id")
    ),
    "ping": _ping,
    "typing": _typing,
    "read": lambda frame: Read(_whole(frame, "up_to_seq")),
    "video.event": _video_event,
}
_STAFF_READERS: Mapping[str, Callable[[Frame], StaffCommand]] = {
    "hello": lambda frame: OpenAsStaff(_short(frame, "ticket", 400), _whole(frame, "last_seq", default=0)),
    "message.send": _send,
    "staff.takeover": lambda frame: TakeOver(frame.get("from_colleague") is True),
    "staff.release": lambda _: GiveBack(),
    "staff.resolve": lambda _: Resolve(),
    "typing": _typing,
    "ping": _ping,
}


def one_address(value: str) -> str:
    """Exactly one e-mail address. Django's `EmailMessage` would take `a@b.example, c@d.example` as one."""
    try:
        validate_email(value)
    except ValidationError:
        value = ""
    if not 0 < len(value) <= LONGEST_ADDRESS:
        raise BadFrame("bad_request", words="bad_email")
    return value


def _optional_id(frame: Frame, name: str) -> uuid.UUID | None:
    value = frame.get(name)
    if value is None:
        return None
    try:
        return uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise BadFrame("bad_request") from None


def _ids(frame: Frame, name: str) -> tuple[uuid.UUID, ...] | None:
    """None when it is no list of ids."""
    values = frame.get(name) or []
    try:
        return tuple(uuid.UUID(value) for value in values) if isinstance(values, list) else None
    except (ValueError, AttributeError, TypeError):
        return None


def _id(frame: Frame, name: str) -> uuid.UUID:
    value = _optional_id(frame, name)
    if value is None:
        raise BadFrame("bad_request")
    return value


def _whole(
    frame: Frame, name: str, *, default: int | None = None, low: int = 0, high: int = 2**31 - 1
) -> int:
    value = frame.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadFrame("bad_request")
    return value


def _short(frame: Frame, name: str, limit: int) -> str:
    value = frame.get(name) or ""
    if not isinstance(value, str):
        raise BadFrame("bad_request")
    return _CONTROL.sub("", _SURROGATE.sub("", value)).strip()[:limit]
