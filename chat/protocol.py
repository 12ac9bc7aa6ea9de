"""The wire, `joblynk.v1`: frames from the browser become commands, events become frames.

`docs/protocol.md` is the contract; `docs/protocol-examples.json` holds one example per type, which the
tests of both sides replay. Nothing here knows a socket or the database. Customers' frames are read in
`chat.commands`, the team's in `chat.staff.commands`.
"""

import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings

from chat.commands import (
    CancelHandoff,
    Command,
    CorrectPicture,
    EmailTranscript,
    Hello,
    NewConversation,
    Ping,
    Read,
    RequestHandoff,
    RetryAnswer,
    SendMessage,
    SetFeedback,
    StopAnswer,
    SubmitCsat,
    Typing,
    VideoEvent,
    parse,
)
from chat.frames import BadFrame
from chat.staff.commands import (
    AddNote,
    Assign,
    GiveBack,
    OpenAsStaff,
    Resolve,
    StaffCommand,
    TakeOver,
    parse_staff,
)
from chat.words import WORDS

if TYPE_CHECKING:
    from chat.models import Attachment, Message, ShownVideo, Source

__all__ = [
    "AddNote",
    "Assign",
    "BadFrame",
    "CancelHandoff",
    "Command",
    "CorrectPicture",
    "EmailTranscript",
    "GiveBack",
    "Hello",
    "NewConversation",
    "OpenAsStaff",
    "Ping",
    "Read",
    "RequestHandoff",
    "Resolve",
    "RetryAnswer",
    "SendMessage",
    "SetFeedback",
    "StaffCommand",
    "StopAnswer",
    "SubmitCsat",
    "TakeOver",
    "Typing",
    "VideoEvent",
    "parse",
    "parse_staff",
]

VERSION = 1
SUBPROTOCOL = "joblynk.v1"

Frame = Mapping[str, Any]


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


def encode(event: DurableEvent | Frame) -> str:
    payload = event.payload() if isinstance(event, DurableEvent) else event
    return orjson.dumps(payload, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()


def message(
    row: "Message",
    sources: Iterable["Source"] = (),
    feedback: int = 0,
    attachments: Iterable["Attachment"] = (),
    videos: Iterable["ShownVideo"] = (),
    gone: Container[int] = (),
) -> Frame:
    """A message as both sides show it. Of the sources only those that the answer cites; `gone` are the ids
    of videos that are shown no more."""
    return {
        "id": row.id,
        "client_message_id": row.client_message_id,
        "role": row.role,
        "author": row.author,
        "text": row.text,
        "html": row.html,
        "attachments": [attachment(picture) for picture in sorted(attachments, key=lambda one: one.place)],
        "sources": [
            {
                "n": source.number,
                "kind": source.kind,
                "title": source.title,
                "heading": source.heading,
                "page": source.page,
                "ocr": source.ocr,
                "quote": source.quote,
                "date": source.date,
                "url": source.url,
            }
            for source in sorted(sources, key=lambda source: source.number or 0)
            if source.number is not None
        ],
        "videos": [video(row, gone) for row in sorted(videos, key=lambda one: one.rank)],
        "suggestions": row.suggestions,
        "finish": row.finish or None,
        "mode": row.mode or None,
        "notice": row.notice,
        "reply_to": row.reply_to_id,
        "feedback": feedback,
        "created_at": row.created_at,
    }


def attachment(row: "Attachment") -> Frame:
    """A picture; `reading` once somebody has read it, whether or not there was anything to read."""
    url = f"/api/attachments/{row.id}/"
    reading = {
        "text": row.seen_text,
        "description": row.description,
        "reader": row.reader,
        "confidence": row.confidence,
        "corrected": row.correction is not None,
    }
    return {
        "id": row.id,
        "url": url,
        "thumb_url": f"{url}thumb/",
        "width": row.width,
        "height": row.height,
        "name": row.name,
        "reading": reading if row.read_at is not None else None,
    }


def video(row: "ShownVideo", gone: Container[int] = ()) -> Frame:
    """A video under an answer. `start` and `duration` in seconds."""
    return {
        "id": row.video_id,
        "title": row.title,
        "description": row.description,
        "duration": row.duration,
        "start": row.start,
        "chapter": row.chapter,
        "poster": row.poster,
        "provider": row.provider,
        "available": row.video_id not in gone,
        "helped": row.helped,
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
