"""Listens to all log lines of a test run, at every level and of every library, for what none may hold: keys
of services, and what customers say.

Fakes and the tests' customers `note` what goes through them; a fixture in conftest compares after each test.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

_LONG_ENOUGH = 12  # characters: a shorter word may stand in a line by chance
_SHOWN = 24  # characters of a text that a line might begin to quote
_ADDRESS = re.compile(r"[\w.+-]{3,}@[\w-]+\.[\w.]+")
_KEYS = ("authorization", "x-api-key")

_noted: set[str] = set()
_noted_before: set[str] = set()  # in the tests that are over


def note(text: str) -> None:
    """A customer has written this."""
    for line in text.splitlines():
        if len(line.strip()) >= _LONG_ENOUGH:
            _noted.add(line.strip()[:_SHOWN])


def note_request(headers: Mapping[str, str], body: Any) -> None:
    """The key with which a service was asked, and the customer's part of what it was asked."""
    for name in _KEYS:
        key = headers.get(name, "").removeprefix("Bearer ")
        if len(key) >= _LONG_ENOUGH:
            _noted.add(key)
    asked = body if isinstance(body, dict) else {}
    for message in asked.get("messages", ()):
        if message.get("role") == "user" and isinstance(message.get("content"), str):
            note(message["content"])
    if "personalizations" in asked:
        _noted.update(_ADDRESS.findall(str(asked["personalizations"])))


class Listener(logging.Handler):
    """What was logged and not compared yet."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.name} {self.format(record)}")

    def read(self, lines: Iterable[str]) -> None:
        """Of a process that the test started."""
        self._lines += lines

    def betrayals(self, *, of_all: bool = False) -> list[str]:
        """The lines that hold what was noted, in this test or in all; lines and test are then over."""
        lines, self._lines = self._lines, []
        words = _noted | _noted_before if of_all else set(_noted)
        _noted_before.update(_noted)
        _noted.clear()
        text = "\n".join(lines)
        told = [word for word in words if word in text]
        return [f"{word!r} in: {line[:400]}" for word in told for line in lines if word in line]


LISTENER = Listener()
