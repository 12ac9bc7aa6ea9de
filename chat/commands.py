"""What a customer's browser may ask for: frames become commands, or are refused by name."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from chat.frames import BadFrame, Frame, id_of, ids_of, maybe_id, one_address, parse_with, said, short, whole


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


def parse(raw: str | bytes) -> Command | None:
    """One text frame → a command; None for a type this server does not know.

    Raises `BadFrame` for what is no JSON object, is over the size limit, or lacks a field.
    """
    return parse_with(raw, _READERS)


def _hello(frame: Frame) -> Hello:
    client = frame.get("client")
    client = client if isinstance(client, dict) else {}
    return Hello(
        last_seq=whole(frame, "last_seq", default=0),
        conversation=maybe_id(frame, "conversation"),
        locale=short(client, "locale", 35),
        time_zone=short(client, "tz", 64),
    )


def read_message(frame: Frame) -> SendMessage:
    client_message_id = id_of(frame, "client_message_id")
    text, ids = said(frame, client_message_id), ids_of(frame, "attachment_ids")
    if ids is None:
        raise BadFrame("bad_request", client_message_id=client_message_id)
    if len(ids) > settings.CHAT_PICTURES or len(set(ids)) < len(ids):
        raise BadFrame("bad_attachment", words="too_many_pictures", client_message_id=client_message_id)
    if not ids and not text:
        raise BadFrame("bad_request", words="empty", client_message_id=client_message_id)
    return SendMessage(client_message_id, text, ids)


def _stop(frame: Frame) -> StopAnswer:
    message, client = maybe_id(frame, "message_id"), maybe_id(frame, "client_message_id")
    if message is None and client is None:
        raise BadFrame("bad_request")
    return StopAnswer(message, client)


def _feedback(frame: Frame) -> SetFeedback:
    value = whole(frame, "value", low=-1, high=1)
    return SetFeedback(
        id_of(frame, "message_id"), value, short(frame, "reason", 40), short(frame, "comment", 1_000)
    )


def _handoff(frame: Frame) -> RequestHandoff:
    email = short(frame, "email", 1_000)
    return RequestHandoff(id_of(frame, "client_action_id"), one_address(email) if email else "")


def _csat(frame: Frame) -> SubmitCsat:
    return SubmitCsat(whole(frame, "score", low=1, high=5), short(frame, "comment", 1_000))


def read_ping(frame: Frame) -> Ping:
    t = frame.get("t")
    # What no browser's clock says might be more than a frame can carry back.
    told = isinstance(t, int | float) and abs(t) < 2**53
    return Ping(t if told else None, whole(frame, "received", default=0))


_VIDEO_EVENTS = frozenset({"opened", "quarter", "half", "three_quarters", "ended", "helped", "not_helped"})


def _video_event(frame: Frame) -> VideoEvent:
    event, second = frame.get("event"), frame.get("at")
    if not isinstance(event, str) or event not in _VIDEO_EVENTS:
        raise BadFrame("bad_request")
    # No video lasts longer than a day; infinities and what is no number are not told on.
    if isinstance(second, bool) or not isinstance(second, int | float) or not 0 <= second <= 86_400:
        second = None
    video_id = whole(frame, "video_id", low=1, high=2**63 - 1)
    return VideoEvent(id_of(frame, "message_id"), video_id, event, second)


def read_typing(frame: Frame) -> Typing:
    return Typing(frame.get("on") is not False)


_READERS: Mapping[str, Callable[[Frame], Command]] = {
    "hello": _hello,
    "message.send": read_message,
    "answer.stop": _stop,
    "answer.retry": lambda frame: RetryAnswer(id_of(frame, "message_id"), id_of(frame, "client_action_id")),
    "picture.correct": lambda frame: CorrectPicture(
        id_of(frame, "attachment_id"), said(frame), id_of(frame, "client_action_id")
    ),
    "feedback.set": _feedback,
    "handoff.request": _handoff,
    "handoff.cancel": lambda frame: CancelHandoff(id_of(frame, "client_action_id")),
    "conversation.new": lambda frame: NewConversation(id_of(frame, "client_action_id")),
    "csat.submit": _csat,
    "transcript.email": lambda frame: EmailTranscript(
        one_address(short(frame, "email", 1_000)), id_of(frame, "client_action_id")
    ),
    "ping": read_ping,
    "typing": read_typing,
    "read": lambda frame: Read(whole(frame, "up_to_seq")),
    "video.event": _video_event,
}
