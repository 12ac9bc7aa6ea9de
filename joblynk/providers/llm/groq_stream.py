"""The server-sent events of a chat completion, read from bytes.

The SDK builds a validated object per token, which costs more than everything else in the relay
together; here a token is one `orjson.loads`. Lines are split on bytes, because `str.splitlines`
would also break at U+2028, which is legal inside JSON strings.
"""

from typing import Any

import orjson

from joblynk.providers.errors import ProviderError
from joblynk.providers.llm.groq_errors import failure, from_event
from joblynk.providers.types import Finished, Usage

_LONGEST_LINE = 1_048_576  # bytes; an event is a few hundred
_BESIDES_TEXT = frozenset({"error", "usage", "x_groq"})
_COMPLETE = frozenset({"stop", "length"})


class CompletionReader:
    """Feed it the bytes of one response in any pieces; it gives text, and at the end the verdict."""

    def __init__(self) -> None:
        self.done = False
        """The closing `[DONE]` was read: what follows is only the end of the HTTP body."""
        self._rest = b""
        self._reason = ""
        self._usage: Usage | None = None
        self._has_text = False
        self._problem: Exception | None = None

    def feed(self, data: bytes) -> str:
        """The text that `data` completes, "" if none. Raises `ProviderError` or `ValueError`, but when text
        stands before what is wrong, only `check` raises it."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        texts: list[str] = []
        try:
            if len(self._rest) > _LONGEST_LINE:
                raise failure("bad_answer", "a line without an end")
            for line in lines:
                if line.startswith(b"data:"):
                    texts.append(self._line(line))
        except (ProviderError, ValueError) as problem:
            if not any(texts):
                raise
            self._problem = problem
        return self._clean("".join(texts))

    def check(self) -> None:
        """Raises `ProviderError` or `ValueError` for what was wrong in the bytes fed so far."""
        if self._problem is not None:
            raise self._problem

    def finish(self) -> str:
        """The text of a last line that the service did not end."""
        return self.feed(b"\n") if self._rest else ""

    def finished(self, model: str) -> Finished:
        """The verdict at the end of the body. No exception tells of a stream that broke off or was never
        one, so success is: text, and a finish reason. Raises `ProviderError` otherwise."""
        if not self._has_text:
            raise failure("bad_answer", "no text")
        if self._reason not in _COMPLETE:
            raise failure("bad_answer", "cut short")
        return Finished(self._reason, model, self._usage)

    def _line(self, line: bytes) -> str:
        payload = line[5:].strip()
        if payload == b"[DONE]":
            self.done = True
        if self.done or not payload:
            return ""
        event = orjson.loads(payload)
        if not isinstance(event, dict):
            raise failure("bad_answer", "not an event")
        return self._event(event)

    def _event(self, event: dict[str, Any]) -> str:
        if not _BESIDES_TEXT.isdisjoint(event):
            self._besides_text(event)
        choices = event.get("choices")
        if not isinstance(choices, list) or not choices:
            return ""
        choice = _mapping(choices[0])
        if isinstance(reason := choice.get("finish_reason"), str):
            self._reason = reason
        text = _mapping(choice.get("delta")).get("content")
        return text if isinstance(text, str) else ""

    def _besides_text(self, event: dict[str, Any]) -> None:
        if error := event.get("error"):
            raise from_event(error)
        if extra := _mapping(event.get("x_groq")):
            if extra.get("error"):
                raise failure("bad_answer", "stopped early")
            self._read_usage(extra.get("usage"))
        self._read_usage(event.get("usage"))

    def _read_usage(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if isinstance(prompt, int) and isinstance(completion, int):
            self._usage = Usage(prompt, completion)

    def _clean(self, text: str) -> str:
        """Without NUL, which PostgreSQL does not store, and without blanks before the first word."""
        if "\0" in text:
            text = text.replace("\0", "")
        if not self._has_text:
            text = text.lstrip()
            self._has_text = bool(text)
        return text


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
