"""Processes start together and end together."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from joblynk.processes import Supervisor, web_command, worker_command
from joblynk.testing.sites import ROOT, environment

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = (
    "import signal, sys, time; signal.signal(15, signal.SIG_IGN); open(sys.argv[1], 'w'); time.sleep(60)"
)


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_child_that_ends_by_itself_is_named() -> None:
    supervisor = Supervisor()
    supervisor.start("web process", SLEEP)
    supervisor.start("task worker", [sys.executable, "-c", "raise SystemExit(7)"])
    said = supervisor.wait()
    pids = supervisor.pids()
    supervisor.stop()
    assert said == "The task worker ended by itself with code 7. Its last lines are above."
    assert not supervisor.asked_to_stop
    assert not any(map(running, pids))


def test_waiting_ends_when_the_condition_holds() -> None:
    supervisor = Supervisor()
    supervisor.start("web process", SLEEP)
    assert supervisor.wait(until=lambda: True) is None
    supervisor.stop()


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblynk.processes.STOP_SECONDS", 0.2)
    deaf = tmp_path / "deaf"
    supervisor = Supervisor()
    supervisor.start("task worker", [sys.executable, "-c", STUBBORN, str(deaf)])
    assert supervisor.wait(until=deaf.exists) is None
    pids = supervisor.pids()
    supervisor.stop()
    assert not any(map(running, pids))


@pytest.mark.parametrize(
    ("server", "host", "words"),
    [
        ("daphne", "127.0.0.1", "tcp:port=8000:interface=127.0.0.1:backlog=2048"),
        ("daphne", "::1", r"tcp:port=8000:interface=\:\:1:backlog=2048"),
        ("uvicorn", "[::1]", "::1"),
    ],
)
def test_a_web_process_listens_where_it_is_told(server: str, host: str, words: str) -> None:
    assert words in web_command(server, host, 8000)


def test_another_server_is_refused() -> None:
    with pytest.raises(ValueError, match="neither daphne nor uvicorn"):
        web_command("gunicorn", "127.0.0.1", 8000)


def test_the_worker_takes_every_queue() -> None:
    assert worker_command()[-1] == "work"


MANY_THREADS = """
import ctypes, threading, django
django.setup()
at_once = threading.Barrier(20)
def take():
    at_once.wait()
    kept = [bytearray(10_000) for _ in range(100)]
    at_once.wait()
threads = [threading.Thread(target=take) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="Only glibc has arenas.")
def test_threads_share_the_memory_that_they_have_freed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MANY_THREADS]
    env = environment(tmp_path, {})
    told = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    assert told.count("<heap nr=") <= 2
