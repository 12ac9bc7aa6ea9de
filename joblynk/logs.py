"""Log lines with the request or the turn that they belong to, as text or as JSON (LOG_FORMAT).

What customers write is in no line: the code logs names, codes and ids, and a test with canaries holds it to
that. A turn's id is the id of its answer, so that a line leads to the conversation in the admin.
"""

import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

request_id: ContextVar[str] = ContextVar("request_id", default="")
turn_id: ContextVar[str] = ContextVar("turn_id", default="")

HEADER = "X-Request-ID"
_SOUND = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_PAIR = re.compile(r"(?<!\w)(\w++)=(\S+)")


class Context(logging.Filter):
    """Gives every record `context`: " request=… turn=…", or nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        names = {"request_id": request_id.get(), "turn_id": turn_id.get()}
        record.__dict__.update(names)
        known = (("request", names["request_id"]), ("turn", names["turn_id"]))
        record.context = "".join(f" {name}={value}" for name, value in known if value)
        return True


class JsonFormatter(logging.Formatter):
    """One object a line. Messages are `event key=value …`; each pair becomes a field of its own."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{record.msecs:03.0f}",
            "level": record.levelname,
            "logger": record.name,
            "event": message,
            **dict(_PAIR.findall(message)),
        }
        for name in ("request_id", "turn_id"):
            if value := getattr(record, name, ""):
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


Answer = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def identify(get_response: Answer) -> Answer:
    """Middleware: names the request, as the proxy did if it did, and tells the name in the answer."""

    def begin(request: HttpRequest) -> str:
        given = request.headers.get(HEADER, "")
        name = given if _SOUND.fullmatch(given) else secrets.token_hex(8)
        request_id.set(name)
        return name

    if iscoroutinefunction(get_response):
        ask: Callable[[HttpRequest], Awaitable[HttpResponseBase]] = get_response

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            name = begin(request)
            response = await ask(request)
            response[HEADER] = name
            return response

        return answer_later

    def answer(request: HttpRequest) -> HttpResponseBase:
        name = begin(request)
        response: HttpResponseBase = get_response(request)
        response[HEADER] = name
        return response

    return answer
