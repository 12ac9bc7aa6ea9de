"""Where pictures are worked on: children with limits, entered from a coroutine.

The web process hands over paths and gets a line back; it never holds a pixel. What waits for a child waits
in a thread pool's queue, so at most `children` pictures are decoded at a time, however many arrive.
"""

import asyncio
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from joblynk.children import TooSlow, exchange
from joblynk.pictures.types import Cleaned, PictureError, Print

_ROOT = Path(__file__).resolve().parents[2]
_MB = 1024 * 1024
_LIFE = 100  # pictures a child works on before a fresh one takes over
_OVERDRAWN = (-24, -9)  # SIGXCPU, or SIGKILL at the hard limit: the kernel ends who overdraws the CPU


class Workshop:
    """`memory` is bytes of address space, `cpu` and `wall` seconds for one picture, `idle` those after
    which a child without work ends."""

    def __init__(self, name: str, *, children: int, memory: int, cpu: int, wall: float, idle: int) -> None:
        self._name = name
        self._children = children
        self._limits = [str(memory), str(cpu), str(idle)]
        self._wall = wall
        self._pool: ThreadPoolExecutor | None = None
        self._free: list[_Child] = []
        self._busy: set[_Child] = set()
        self._lock = threading.Lock()

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Raises `PictureError`. A caller that is cancelled leaves the child to end its work."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._children, thread_name_prefix=self._name)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.ask_now, question)

    def ask_now(self, question: dict[str, Any]) -> dict[str, Any]:
        line = json.dumps(question).encode() + b"\n"
        with self._lock:
            child = self._free.pop() if self._free else None
        if child is not None:
            answer = self._exchange(child, line)
            if answer is not None or child.process.returncode:
                return self._settled(child, answer)
            # It had nothing to do for so long that it was just about to end.
        child = _Child(self._limits)
        return self._settled(child, self._exchange(child, line))

    def close(self) -> None:
        """End the children, whatever they are at: nobody waits for it any more."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            free, self._free = self._free, []
            for child in self._busy:
                child.process.kill()  # whoever waits for its answer gets none, and sees to the rest
        for child in free:
            child.end()
        if pool is not None:
            pool.shutdown(wait=True)

    def _exchange(self, child: "_Child", line: bytes) -> bytes | None:
        child.answered += 1
        with self._lock:
            self._busy.add(child)
        try:
            answer = exchange(child.process, line, time.monotonic() + self._wall)
        except TooSlow:
            child.end()
            raise PictureError("timeout") from None
        finally:
            with self._lock:
                self._busy.discard(child)
        if answer is None:
            child.process.wait()
        return answer

    def _settled(self, child: "_Child", answer: bytes | None) -> dict[str, Any]:
        if answer is None:
            code = child.process.returncode
            child.end()
            raise PictureError("timeout" if code in _OVERDRAWN else "crashed")
        reply: dict[str, Any] = json.loads(answer)
        error = reply.get("error")
        if error == "too_complex" or child.answered >= _LIFE:
            child.end()  # its memory is in an unknown state, or has grown
        else:
            with self._lock:
                self._free.append(child)
        if error:
            raise PictureError(error)
        return reply


class _Child:
    def __init__(self, limits: list[str]) -> None:
        self.answered = 0
        self.process = subprocess.Popen(  # noqa: S603  (our own module, numbers as arguments)
            [sys.executable, "-m", "joblynk.pictures.child", *limits],
            cwd=_ROOT,
            env={"PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


_cleaning = Workshop("pictures", children=2, memory=1_024 * _MB, cpu=20, wall=40.0, idle=60)
_reading = Workshop("reading", children=1, memory=1_792 * _MB, cpu=60, wall=120.0, idle=300)


async def clean(source: Path, picture: Path, thumb: Path) -> Cleaned:
    """Write a stranger's file anew, as `picture` and `thumb`. Raises `PictureError`; what was written by
    then is the caller's to remove."""
    paths = {"source": str(source), "picture": str(picture), "thumb": str(thumb)}
    return Cleaned(**await _cleaning.ask({"do": "clean", **paths}))


async def shrink(source: Path, target: Path, side: int) -> None:
    """Write one of our own pictures as a JPEG with no side over `side` pixels. Raises `PictureError`."""
    await _cleaning.ask({"do": "shrink", "source": str(source), "target": str(target), "side": side})


async def read(source: Path) -> Print:
    """What is written in one of our own pictures. Raises `PictureError`."""
    return Print(**await _reading.ask({"do": "read", "source": str(source)}))


def shutdown() -> None:
    """End the children; the next picture starts new ones."""
    _cleaning.close()
    _reading.close()
