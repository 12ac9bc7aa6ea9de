"""How a child process is asked: one line there, one line back, within a time."""

import os
import select
import subprocess
import time
from collections.abc import Callable

_LISTEN_MS = 2_000


class TooSlow(Exception):
    """The child did not answer in time. It is in an unknown state: kill it."""


def exchange(
    child: "subprocess.Popen[bytes]",
    question: bytes,
    deadline: float,
    alive: Callable[[], None] | None = None,
) -> bytes | None:
    """The child's line; None when it ended instead. `question` ends with a line feed, `deadline` is by
    `time.monotonic`, `alive` is called every few seconds meanwhile. Raises `TooSlow`."""
    if child.stdin is None or child.stdout is None:
        return None
    sending, receiving = child.stdin.fileno(), child.stdout.fileno()
    os.set_blocking(sending, False)
    # Not `select`: it takes no descriptor over 1,023, and a web process has a socket for each customer.
    poll = select.poll()
    poll.register(receiving, select.POLLIN)
    poll.register(sending, select.POLLOUT)
    left = memoryview(question)
    parts: list[bytes] = []
    while (patience := deadline - time.monotonic()) > 0:
        ready = dict(poll.poll(min(patience * 1000 + 1, _LISTEN_MS)))
        if alive is not None:
            alive()
        if sending in ready:
            try:
                left = left[os.write(sending, left) :]
            except BrokenPipeError:
                return None
            if not left:
                poll.unregister(sending)
        if receiving in ready:
            part = os.read(receiving, 1 << 20)
            if not part:
                return None
            parts.append(part)
            if part.endswith(b"\n"):
                return b"".join(parts)
    raise TooSlow
