"""The wire, `joblynk.v1`: frames from the browser become commands, events become frames.

`docs/protocol.md` is the contract; `docs/protocol-examples.json` holds one example per type, which the
tests of both sides replay. Nothing here knows a socket or the database.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from chat.words import WORDS

if TYPE_CHECKING:
    from chat.models import Message, Source

VERSION = 1
SUBPROTOCOL = "joblynk.v1"


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
class Signal:
    """`typing`, `read` and `video.event`: taken, and of no consequence to the conversation itself."""

    type: str


Command = (
    Hello
    | SendMessage
    | StopAnswer
    | RetryAnswer
    | SetFeedback
    | RequestHandoff
    | CancelHandoff
    | NewConversation
    | SubmitCsat
    | EmailTranscript
    | Ping
    | Signal
)


@dataclass(frozen=True, slots=True)
class DurableEvent:
    """A stored event, ready to be encoded. `seq` counts from 1 within the conversation."""

    conversation: uuid.UUID
    seq: int
    type: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        return {"type": self.type, "seq": self.seq, "at": self.at, **self.data}


Frame = Mapping[str, Any]
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def parse(raw: str | bytes) -> Command | None:
    """One text frame → a command; None for a type this server does not know.

    Raises `BadFrame` for what is no JSON object, is over the size limit, or lacks a field.
    """
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    if len(data) > settings.CHAT_FRAME_LIMIT:
        raise BadFrame("bad_request")
    frame = _load(data)
    if not isinstance(frame, dict):
        raise BadFrame("bad_request")
    kind = frame.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
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
    ids = frame.get("attachment_ids") or []
    if not isinstance(text, str) or not isinstance(ids, list):
        raise BadFrame("bad_request", client_message_id=client_message_id)
    if _SURROGATE.search(text) or _CONTROL.search(text):
        raise BadFrame("bad_request", words="unreadable", client_message_id=client_message_id)
    if len(text) > settings.CHAT_TEXT_LIMIT:
        raise BadFrame("too_long", client_message_id=client_message_id)
    if ids:
        raise BadFrame("bad_attachment", client_message_id=client_message_id)
    if not text.strip():
        raise BadFrame("bad_request", words="empty", client_message_id=client_message_id)
    return SendMessage(client_message_id, text.strip())


def _stop(frame: Frame) -> StopAnswer:
    message, client = _optional_id(frame, "message_id"), _optional_id(frame, "client_message_id")
    if message is None and client is None:
        raise BadFrame("bad_request")
    return StopAnswer(message, client)


def _feedback(frame: Frame) -> SetFeedback:
    value = _whole(frame, "value", low=-1, high=1)
    return SetFeedback(
        _id(frame, "message_id"), value, _short(frame, "reason", 40), _short(frame, "comment", 1_000)
    )


def _handoff(frame: Frame) -> RequestHandoff:
    email = _short(frame, "email", 254)
    return RequestHandoff(_id(frame, "client_action_id"), one_address(email) if email else "")


def _csat(frame: Frame) -> SubmitCsat:
    return SubmitCsat(_whole(frame, "score", low=1, high=5), _short(frame, "comment", 1_000))


def _ping(frame: Frame) -> Ping:
    t = frame.get("t")
    # What no browser's clock says might be more than a frame can carry back.
    told = isinstance(t, int | float) and abs(t) < 2**53
    return Ping(t if told else None, _whole(frame, "received", default=0))


_READERS: Mapping[str, Callable[[Frame], Command]] = {
    "hello": _hello,
    "message.send": _send,
    "answer.stop": _stop,
    "answer.retry": lambda frame: RetryAnswer(_id(frame, "message_id"), _id(frame, "client_action_id")),
    "feedback.set": _feedback,
    "handoff.request": _handoff,
    "handoff.cancel": lambda frame: CancelHandoff(_id(frame, "client_action_id")),
    "conversation.new": lambda frame: NewConversation(_id(frame, "client_action_id")),
    "csat.submit": _csat,
    "transcript.email": lambda frame: EmailTranscript(
        one_address(_short(frame, "email", 254)), _id(frame, "client_action_id")
    ),
    "ping": _ping,
    "typing": lambda _: Signal("typing"),
    "read": lambda _: Signal("read"),
    "video.event": lambda _: Signal("video.event"),
}


def one_address(value: str) -> str:
    """Exactly one e-mail address. Django's `EmailMessage` would take `a@b.example, c@d.example` as one."""
    try:
        validate_email(value)
    except ValidationError:
        raise BadFrame("bad_request", words="bad_email") from None
    return value


def _optional_id(frame: Frame, name: str) -> uuid.UUID | None:
    value = frame.get(name)
    if value is None:
        return None
    try:
        return uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise BadFrame("bad_request") from None


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


# --- Server → client ---------------------------------------------------------------------------


def encode(event: DurableEvent | Frame) -> str:
    payload = event.payload() if isinstance(event, DurableEvent) else event
    return orjson.dumps(payload, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()


def message(row: "Message", sources: Iterable["Source"] = (), feedback: int = 0) -> Frame:
    """A message as both sides show it. Of the sources only those that the answer cites."""
    return {
        "id": row.id,
        "client_message_id": row.client_message_id,
        "role": row.role,
        "author": row.author,
        "text": row.text,
        "html": row.html,
        "attachments": [],
        "sources": [
            {
                "n": source.number,
                "kind": source.kind,
                "title": source.title,
                "heading": source.heading,
                "page": source.page,
                "quote": source.quote,
                "date": source.date,
                "url": source.url,
            }
            for source in sorted(sources, key=lambda source: source.number or 0)
            if source.number is not None
        ],
        "videos": [],
        "suggestions": row.suggestions,
        "finish": row.finish or None,
        "mode": row.mode or None,
        "notice": row.notice,
        "reply_to": row.reply_to_id,
        "feedback": feedback,
        "created_at": row.created_at,
    }


def welcome(
    conversation: uuid.UUID,
    status: str,
    seq: int,
    events: Sequence[DurableEvent],
    *,
    more: bool,
    running: Frame | None,
    features: Mapping[str, bool],
) -> Frame:
    return {
        "type": "welcome",
        "v": VERSION,
        "build": settings.BUILD,
        "conversation": conversation,
        "status": status,
        "seq": seq,
        "events": [event.payload() for event in events],
        "more": more,
        "running": running,
        "limits": {"text": settings.CHAT_TEXT_LIMIT, "frame": settings.CHAT_FRAME_LIMIT},
        "features": features,
    }


def ack(client_message_id: uuid.UUID, message_id: uuid.UUID, seq: int) -> Frame:
    return {
        "type": "message.ack",
        "client_message_id": client_message_id,
        "message_id": message_id,
        "seq": seq,
    }


def stage(message_id: uuid.UUID, name: str, detail: str = "") -> Frame:
    frame: dict[str, Any] = {"type": "answer.stage", "message_id": message_id, "stage": name}
    return {**frame, "detail": detail} if detail else frame


def delta(message_id: uuid.UUID, offset: int, text: str) -> Frame:
    """`offset` counts the code points of the answer before `text`."""
    return {"type": "answer.delta", "message_id": message_id, "offset": offset, "text": text}


def error(
    code: str,
    *,
    text: str = "",
    ref: str = "",
    client_message_id: uuid.UUID | None = None,
    retryable: bool = False,
) -> Frame:
    return {
        "type": "error",
        "code": code,
        "text": text or WORDS[code].format(ref=ref),
        "ref": ref,
        "client_message_id": client_message_id,
        "retryable": retryable,
    }


def rate_limited(scope: str, seconds: float, client_message_id: uuid.UUID | None) -> Frame:
    wait = max(1, round(seconds + 0.5))
    return {
        "type": "rate.limited",
        "scope": scope,
        "retry_after_ms": int(seconds * 1000) + 1,
        "text": WORDS["rate_limited"].format(n=wait),
        "client_message_id": client_message_id,
    }
