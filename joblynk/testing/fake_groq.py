"""Groq's chat completions over real HTTP, in good health and in every failure that is known of it.

    with FakeGroq() as groq:
        groq.play(failure(503), answer("Open Settings [1]."))   # one script per request; the last repeats
        ... GROQ_BASE_URL = groq.base_url ...
        groq.requests[0].json["messages"]

A script is a tuple of steps, or a function from the request to such a tuple. As a process of its own:
`python -m joblynk.testing.fake_groq --tokens 150 --per-second 500 --first 0.1` prints its address.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import uvloop

from joblynk.testing.arrivals import is_vision, too_much
from joblynk.testing.http_server import LAST_CHUNK, Connection, FakeServer, Request, http_chunk

MODELS = ("openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.8-27b")
TEXT = "Open **Settings**, choose *Password* and follow the link we send you [1]."
_ROOT = Path(__file__).resolve().parents[2]
_UNSUPPORTED = ("logprobs", "logit_bias", "top_logprobs")
_USAGE = {"prompt_tokens": 812, "completion_tokens": 42, "total_tokens": 854}


@dataclass(frozen=True, slots=True)
class Status:
    """A whole answer instead of a stream."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Open:
    """Status 200 and the head of a stream."""

    content_type: str = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """An event per piece, at most `per_second` of them; 0 is as fast as the socket takes them."""

    pieces: tuple[str, ...]
    per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """One event with this JSON, completed by id and model."""

    json: bytes


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes as a part of the body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wire:
    """Bytes as they are, outside the framing of HTTP."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The proper end of the body."""


@dataclass(frozen=True, slots=True)
class Close:
    """The connection ends, the body is incomplete."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST)."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing more until `over`, if it is ever, and the connection stays open."""

    over: asyncio.Event | None = None


Step = Status | Open | Wait | Tokens | Event | Raw | Wire | End | Close | Reset | Hang
Steps = tuple[Step, ...]
Script = Steps | Callable[[Request], Steps]

_DONE = Raw(b"data: [DONE]\n\n")


def answer(
    text: str = TEXT,
    *,
    piece: int = 4,
    first: float = 0.0,
    per_second: float = 0.0,
    reason: str | None = "stop",
    done: bool = True,
) -> Steps:
    """A stream of `text` in pieces of `piece` characters, after `first` seconds."""
    pieces = tuple(text[start : start + piece] for start in range(0, len(text), piece))
    return stream(pieces, first=first, per_second=per_second, reason=reason, done=done)


def stream(
    pieces: tuple[str, ...],
    *,
    first: float = 0.0,
    per_second: float = 0.0,
    reason: str | None = "stop",
    done: bool = True,
) -> Steps:
    steps: Steps = (Open(), Event(_event({"role": "assistant", "content": ""})))
    if first:
        steps += (Wait(first),)
    steps += (Tokens(pieces, per_second),)
    if reason is not None:
        steps += (Event(_event({}, reason)),)
    return (*steps, _DONE, End()) if done else (*steps, End())


def numbered(count: int) -> tuple[str, ...]:
    """Pieces that show what is lost, doubled or out of order."""
    return tuple(f"w{number} " for number in range(count))


def failure(
    status: int,
    code: str = "",
    kind: str = "",
    *,
    retry_after: float | None = None,
    message: str = "Emulated failure",
) -> Steps:
    """An error answer as the service words it."""
    default_code, default_kind = _ERRORS.get(status, ("", "internal_server_error"))
    error = {"message": message, "type": kind or default_kind}
    if code or default_code:
        error["code"] = code or default_code
    headers = (("retry-after", str(retry_after)),) if retry_after is not None else ()
    return (Status(status, orjson.dumps({"error": error}), headers),)


_ERRORS = {
    400: ("", "invalid_request_error"),
    401: ("invalid_api_key", "invalid_request_error"),
    403: ("", "permissions_error"),
    404: ("model_not_found", "invalid_request_error"),
    413: ("request_too_large", "invalid_request_error"),
    422: ("", "invalid_request_error"),
    424: ("", "failed_dependency"),
    429: ("rate_limit_exceeded", "tokens"),
    498: ("capacity_exceeded", "flex_error"),
}


def obedient(request: Request) -> Steps:
    """A model that does whatever any text in its prompt says: it repeats all of it."""
    return answer("\n\n".join(str(message["content"]) for message in request.json["messages"]), piece=64)


def _event(delta: dict[str, Any], reason: str | None = None, **extra: Any) -> bytes:
    event: dict[str, Any] = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **extra}
    if reason is not None:
        event |= {"usage": _USAGE, "x_groq": {"id": "req_fake", "usage": _USAGE}}
    return orjson.dumps(event)


_HTML = b"<!doctype html><title>Just a moment...</title><p>Checking your browser</p>"
_START: Steps = (Open(), Event(_event({"role": "assistant", "content": ""})))
_PART: Steps = (*_START, Tokens(("Open ", "Settings")))
_IN_BAND = Raw(b'data: {"error":{"message":"Emulated","type":"internal_server_error"}}\n\n')
_STOPPED = Event(b'{"choices":[],"x_groq":{"id":"req_fake","error":"over capacity"}}')

BEFORE_TEXT: dict[str, Steps] = {
    **{
        f"status {status}": failure(status)
        for status in (400, 401, 403, 404, 413, 422, 424, 429, 498, 500, 502, 503)
    },
    "model decommissioned": failure(400, "model_decommissioned"),
    "context too long": failure(400, "context_length_exceeded"),
    "spending limit": failure(400, "blocked_api_access"),
    "over tokens per minute": failure(413, "rate_limit_exceeded", "tokens"),
    "html error page": (Status(502, _HTML, (("content-type", "text/html"),)),),
    "html with status 200": (Status(200, _HTML, (("content-type", "text/html"),)),),
    "json instead of a stream": (Status(200, b'{"choices":[]}'),),
    "no answer at all": (Hang(),),
    "silence after the head": (Open(), Hang()),
    "closed before the head": (Close(),),
    "reset before the head": (Reset(),),
    "closed before text": (*_START, Close()),
    "error in the stream": (*_START, _IN_BAND, End()),
    "stopped early": (*_START, _STOPPED, _DONE, End()),
    "garbage": (Open(), Raw(bytes(range(128, 256)) * 8), End()),
    "garbage event": (Open(), Raw(b"data: {not json\n\n"), End()),
    "invalid utf-8": (Open(), Raw(b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n'), End()),
    "event that is no object": (Open(), Raw(b"data: [1,2]\n\n"), End()),
    "nothing": (Open(), End()),
    "empty text": answer(""),
    "blanks only": answer(" \n "),
    "reasoning only": (
        *_START,
        Event(_event({"reasoning": "The user asks about passwords."})),
        Event(_event({}, "length")),
        _DONE,
        End(),
    ),
}
"""Every failure in which no text arrives, by name."""

AFTER_TEXT: dict[str, Steps] = {
    "hang in mid-stream": (*_PART, Hang()),
    "closed in mid-stream": (*_PART, Close()),
    "reset in mid-stream": (*_PART, Wait(0.02), Reset()),
    "error in mid-stream": (*_PART, _IN_BAND, End()),
    "stopped in mid-stream": (*_PART, _STOPPED, _DONE, End()),
    "garbage in mid-stream": (*_PART, Raw(b"data: {not json\n\n"), End()),
    "invalid utf-8 in mid-stream": (
        *_PART,
        Raw(b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'),
        End(),
    ),
    "bad chunking in mid-stream": (*_PART, Wait(0.02), Wire(b"no chunk size\r\n")),
    "no finish reason": answer(reason=None),
    "neither finish reason nor end mark": answer(reason=None, done=False),
    "filtered": answer(reason="content_filter"),
}
"""Every failure that comes after text has arrived, by name."""


@lru_cache(maxsize=64)
def _token_chunks(pieces: tuple[str, ...], model: str) -> tuple[bytes, ...]:
    return tuple(http_chunk(_sse(_event({"content": piece}), model)) for piece in pieces)


def _sse(event: bytes, model: str) -> bytes:
    head = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1_763_800_000,
        "model": model,
    }
    return b"data: " + orjson.dumps(head)[:-1] + b"," + event[1:] + b"\n\n"


class FakeGroq(FakeServer):
    def __init__(
        self, script: Script | None = None, *, models: tuple[str, ...] = MODELS, port: int = 0
    ) -> None:
        super().__init__(port)
        self.models = models
        self._scripts: list[Script] = [script if script is not None else answer()]
        self._sights: list[Script] = [failure(503)]

    def play(self, *scripts: Script) -> None:
        """What the next requests get, one script each; the last one is repeated."""
        self._scripts = list(scripts)

    def see(self, *scripts: Script) -> None:  # with pictures; scripts are in `fake_vision`
        self._sights = list(scripts)

    @property
    def completions(self) -> list[Request]:
        """The requests for an answer."""
        return [request for request in self.requests if request.path == "/openai/v1/chat/completions"]

    async def answer(self, request: Request, connection: Connection) -> None:
        steps = self._refusal(request)
        if steps is None:
            scripts = self._sights if is_vision(request) else self._scripts
            script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
            steps = script(request) if callable(script) else script
        model = request.json["model"] if request.json else ""
        for step in steps:
            await _play(step, connection, model)

    def _refusal(self, request: Request) -> Steps | None:
        """What the service itself would answer to a request that is wrong."""
        if len(request.headers.get("authorization", "")) <= len("Bearer "):
            return failure(401)
        if request.path == "/openai/v1/models":
            data = [{"id": model, "object": "model", "created": 1, "owned_by": "x"} for model in self.models]
            return (Status(200, orjson.dumps({"object": "list", "data": data})),)
        if request.path != "/openai/v1/chat/completions":
            return failure(404, "unknown_url")
        if is_vision(request):
            return failure(status) if (status := too_much(request)) else None
        if not isinstance(request.json, dict) or not request.json.get("stream") or _unsupported(request.json):
            return failure(400)
        return None if request.json.get("model") in self.models else failure(404)


def _unsupported(body: dict[str, Any]) -> bool:
    effort, gpt_oss = body.get("reasoning_effort"), "gpt-oss" in str(body.get("model"))
    return (
        any(name in body for name in _UNSUPPORTED)
        or body.get("n", 1) > 1
        or any("name" in message for message in body["messages"])
        or (gpt_oss and (effort == "none" or "reasoning_format" in body))
        or ("include_reasoning" in body and "reasoning_format" in body)
    )


async def _play(step: Step, connection: Connection, model: str) -> None:
    match step:
        case Status(status, body, headers):
            connection.respond(status, body, dict(headers))
        case Open(content_type):
            connection.open(content_type)
        case Wait(seconds):
            await asyncio.sleep(seconds)
        case Tokens(pieces, per_second):
            await _play_tokens(_token_chunks(pieces, model), per_second, connection)
        case Event(json):
            connection.write(http_chunk(_sse(json, model)))
        case Raw(data):
            connection.write(http_chunk(data))
        case Wire(data):
            connection.write(data)
        case End():
            connection.write(LAST_CHUNK)
        case Close():
            connection.close()
        case Reset():
            connection.reset()
        case Hang(over):
            await (over or asyncio.Event()).wait()


async def _play_tokens(chunks: tuple[bytes, ...], per_second: float, connection: Connection) -> None:
    """Keeps the rate by the clock: what is due is written at once when the loop was busy."""
    if not per_second:
        connection.write(b"".join(chunks))
        return
    clock = asyncio.get_running_loop().time
    start, sent = clock(), 0
    while sent < len(chunks):
        due = min(len(chunks), int((clock() - start) * per_second) + 1)
        if due > sent:
            connection.write(b"".join(chunks[sent:due]))
            sent = due
        await asyncio.sleep(max(0.0, start + sent / per_second - clock()))


@contextmanager
def process(*arguments: str) -> Iterator[str]:
    """The fake in a process of its own, for measuring; gives its address."""
    command = [sys.executable, "-m", "joblynk.testing.fake_groq", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as server:  # noqa: S603
        try:
            yield server.stdout.readline().strip() if server.stdout else ""
        finally:
            server.terminate()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="fake_groq", description="Groq's chat completions, emulated.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--tokens", type=int, default=0, help="numbered tokens instead of the usual answer")
    parser.add_argument("--first", type=float, default=0.0, help="seconds to the first token")
    parser.add_argument("--per-second", type=float, default=0.0, help="tokens a second; 0: no limit")
    failures = BEFORE_TEXT | AFTER_TEXT
    parser.add_argument("--failure", choices=sorted(failures), help="always fail like this")
    parser.add_argument("--obedient", action="store_true", help="repeat the whole prompt")
    options = parser.parse_args(arguments)
    pace = {"first": options.first, "per_second": options.per_second}
    script: Script = stream(numbered(options.tokens), **pace) if options.tokens else answer(**pace)
    if options.obedient or options.failure:
        script = obedient if options.obedient else failures[options.failure]
    server = FakeGroq(script, port=options.port)
    with suppress(KeyboardInterrupt):
        uvloop.run(server.serve(lambda: sys.stdout.write(f"{server.base_url}\n") and sys.stdout.flush()))


if __name__ == "__main__":
    main()
