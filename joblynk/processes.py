"""The processes of a running site: a web server and a task worker, and how they are kept together."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from joblynk.web import BACKLOG, FRAME_LIMIT, GRACE, PING_SECONDS

STOP_SECONDS = GRACE + 5  # a web process takes up to GRACE for what it has begun
PR_SET_PDEATHSIG = 1
M_ARENA_MAX = -8
_ARENAS = 2
APPLICATION = "joblynk.asgi:application"
NICENESS = 10
"""Of a worker: reading documents leaves the processor to the chats, which wait for it; they do not."""


def end_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """In a child before exec: Linux sends it `number` when its parent dies, however that dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def step_back() -> None:
    """Be scheduled after the web processes. Linux compares the niceness of one session's processes only, and
    beside that the sessions' own: the supervisor starts the worker in one of its own."""
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # a system that does not do so
            Path("/proc/self/autogroup").write_text(str(NICENESS), "ascii")


def share_memory() -> None:
    """Have threads share what they have freed. glibc gives up to eight threads a core an arena of their own,
    and each keeps the 14 MB that committing to the index of words once took there: half an hour of edits
    doubled a process."""
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:  # elsewhere there are no arenas
        mallopt(M_ARENA_MAX, _ARENAS)


def return_memory() -> None:
    """Give the system back what was freed: after a large piece of work that is much."""
    gc.collect()
    if (malloc_trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:  # of glibc alone
        malloc_trim(0)


def web_command(server: str, host: str, port: int) -> list[str]:
    """The command line of a web process. `server` is daphne or uvicorn; ValueError for another."""
    if server == "daphne":
        interface = host.strip("[]").replace(":", "\\:")  # Twisted's endpoints split at colons
        endpoint = f"tcp:port={port}:interface={interface}:backlog={BACKLOG}"
        limits = [f"--websocket-max-{what}-size={FRAME_LIMIT}" for what in ("message", "frame")]
        limits.append(f"--ping-interval={PING_SECONDS}")
        options = ["-v", "0", "--no-server-name", *limits, "-e", endpoint]
        return [sys.executable, "-m", "joblynk.web.daphne", *options, APPLICATION]
    if server == "uvicorn":
        return [sys.executable, "-m", "joblynk.web.uvicorn", host.strip("[]"), str(port), APPLICATION]
    raise ValueError(f"{server!r} is neither daphne nor uvicorn")


def worker_command() -> list[str]:
    """The command line of a task worker."""
    return [sys.executable, "manage.py", "work"]


class Supervisor:
    """Starts processes, waits in the foreground, and ends them together.

    Each child leads a session of its own: Ctrl-C reaches only this process, which then stops the children
    in order, so that nobody is asked twice.
    """

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._requests_to_stop = 0

    def listen(self) -> None:
        """From now on SIGINT, SIGTERM and SIGHUP mean: stop in good order; the second one: at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self._requests_to_stop += 1

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._children[name] = subprocess.Popen(  # noqa: S603
            command,
            env=dict(env or os.environ),
            start_new_session=True,
            preexec_fn=end_with_parent,
        )

    def pids(self) -> list[int]:
        return [child.pid for child in self._children.values()]

    def wait(self, until: Callable[[], bool] = lambda: False, every: float = 0.05) -> str | None:
        """Block until asked to stop, until a child ends, or until `until()`.

        Returns the words to say about a child that ended, else None. `asked_to_stop` tells which.
        """
        while not self.asked_to_stop:
            for name, child in self._children.items():
                if (code := child.poll()) is not None:
                    return f"The {name} ended by itself with code {code}. Its last lines are above."
            if until():
                return None
            time.sleep(every)
        return None

    @property
    def asked_to_stop(self) -> bool:
        return self._requests_to_stop > 0

    def stop(self) -> None:
        """SIGTERM to all; SIGKILL to what is left after `STOP_SECONDS` or when asked once more."""
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        before = self._requests_to_stop
        deadline = time.monotonic() + STOP_SECONDS
        while self._running() and time.monotonic() < deadline and self._requests_to_stop == before:
            time.sleep(0.02)
        for child in self._running():
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self._children.clear()

    def _running(self) -> list[subprocess.Popen[bytes]]:
        return [child for child in self._children.values() if child.poll() is None]
