"""Who sits at a staff socket: read from the session each time, so that a demotion counts at once."""

from collections.abc import Iterable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import parse_cookie

from chat.staff import roles
from chat.staff.roles import User


def key_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The session's key in the cookies of a handshake, or ""."""
    for name, value in headers:
        if name == b"cookie":
            return parse_cookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")
    return ""


def reader(session_key: str) -> User | None:
    """The account behind a session, while it may read conversations. From the database."""
    if not session_key:
        return None
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    request: Any = SimpleNamespace(session=store)  # of a request `get_user` reads nothing else
    user = get_user(request)
    allowed = user.is_active and getattr(user, "is_staff", False) and roles.may(user, "view_conversation")
    return user if allowed else None
