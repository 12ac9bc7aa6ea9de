"""Frames of a socket, read field by field, or refused by name."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from chat.words import WORDS

Frame = Mapping[str, Any]
Made = TypeVar("Made")
_LONGEST_ADDRESS = 254  # characters; RFC 5321
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_VISIBLE = re.compile(r"[^\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class BadFrame(Exception):
    """The frame cannot be obeyed. `code` and `text` go back to the sender."""

    def __init__(self, code: str, *, words: str = "", client_message_id: uuid.UUID | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.text = WORDS[words or code]
        self.client_message_id = client_message_id


def parse_with(raw: str | bytes, readers: Mapping[str, Callable[[Frame], Made]]) -> Made | None:
    """The command that the reader of the frame's type makes of it; None for a type without one."""
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


def said(frame: Frame, client_message_id: uuid.UUID | None = None) -> str:
    """The field `text` as somebody wrote it. Raises `BadFrame` for what is too long or nobody can read."""
    text = frame.get("text", "")
    if not isinstance(text, str):
        raise BadFrame("bad_request", client_message_id=client_message_id)
    if _SURROGATE.search(text) or _CONTROL.search(text):
        raise BadFrame("bad_request", words="unreadable", client_message_id=client_message_id)
    if len(text) > settings.CHAT_TEXT_LIMIT:
        raise BadFrame("too_long", client_message_id=client_message_id)
    return text.strip() if _VISIBLE.search(text) else ""


def one_address(value: str) -> str:
    """Exactly one e-mail address. Django's `EmailMessage` would take `a@b.example, c@d.example` as one."""
    try:
        validate_email(value)
    except ValidationError:
        value = ""
    if not 0 < len(value) <= _LONGEST_ADDRESS:
        raise BadFrame("bad_request", words="bad_email")
    return value


def maybe_id(frame: Frame, name: str) -> uuid.UUID | None:
    value = frame.get(name)
    if value is None:
        return None
    try:
        return uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise BadFrame("bad_request") from None


def ids_of(frame: Frame, name: str) -> tuple[uuid.UUID, ...] | None:
    """None when it is no list of ids."""
    values = frame.get(name) or []
    try:
        return tuple(uuid.UUID(value) for value in values) if isinstance(values, list) else None
    except (ValueError, AttributeError, TypeError):
        return None


def id_of(frame: Frame, name: str) -> uuid.UUID:
    value = maybe_id(frame, name)
    if value is None:
        raise BadFrame("bad_request")
    return value


def whole(frame: Frame, name: str, *, default: int | None = None, low: int = 0, high: int = 2**31 - 1) -> int:
    value = frame.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadFrame("bad_request")
    return value


def short(frame: Frame, name: str, limit: int) -> str:
    value = frame.get(name) or ""
    if not isinstance(value, str):
        raise BadFrame("bad_request")
    return _CONTROL.sub("", _SURROGATE.sub("", value)).strip()[:limit]
