"""From the second `make run` to ready, and what the web process weighs."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from benchmarks import measure
from benchmarks.ground import SERVERS, Ground
from benchmarks.report import Row, at_most
from joblynk.testing.servers import free_port
from joblynk.testing.sites import ROOT, environment

CHUNKS = 10_000
_WORDS_SECONDS = 8  # until the words are read too, which is when a process is as large as it stays


def rows(ground: Ground) -> list[Row]:
    chunks = ground.of(CHUNKS, 200)
    folder = ground.sites.copy()
    ground.measured("benchmarks.corpus:seed", folder, chunks=chunks)
    found: list[Row] = []
    for server in SERVERS:
        seconds, memory = _serve(folder, server)
        what = f"second start to ready, {chunks:,} chunks, {server}"
        found += [at_most(what, seconds, 3, "s"), at_most("  web process", memory / 1e6, 200, "MB")]
    return found


def _serve(folder: Path, server: str) -> tuple[float, int]:
    port = free_port()
    env = environment(folder, {"PORT": str(port), "ASGI_SERVER": server, "LOAD_DEMO": "0"})
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "manage.py", "serve"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL
    ) as serve:
        try:
            _wait(f"http://127.0.0.1:{port}/readyz", serve)
            seconds = time.perf_counter() - began
            time.sleep(_WORDS_SECONDS)
            return seconds, max(measure.resident(pid) for pid in _web(serve.pid))
        finally:
            serve.terminate()


def _wait(url: str, serve: "subprocess.Popen[bytes]") -> None:
    while serve.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"serve ended with {serve.returncode}")


def _web(parent: int) -> list[int]:
    """The web process among the children."""
    children = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return [pid for pid in children if b"joblynk.asgi" in Path(f"/proc/{pid}/cmdline").read_bytes()]
