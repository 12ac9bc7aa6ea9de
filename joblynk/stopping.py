"""Whether this process was asked to end. Work that takes minutes asks now and then, and leaves off where
another worker can take it up."""

from threading import Event

_asked = Event()


class Stopped(BaseException):
    """Work was left off because its process ends. No `Exception`, for nothing went wrong."""


def ask() -> None:
    _asked.set()


def check() -> None:
    """Raises Stopped once the process was asked to end."""
    if _asked.is_set():
        raise Stopped


def forget() -> None:
    """For tests, whose process goes on."""
    _asked.clear()
