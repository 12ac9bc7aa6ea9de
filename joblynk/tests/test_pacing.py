"""What nobody reads does not pile up in a web process."""

import socket
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblynk.testing.flood import PIECE, PIECES
from joblynk.testing.servers import Process, free_port
from joblynk.testing.sites import ROOT

HELD_BY_THE_SYSTEM = 32 * 2**20  # bytes: the buffers of both ends are smaller, the flood is eight times this
ALIKE = 20  # answers in a row that say the same: nothing moves any more


@pytest.fixture(params=["daphne", "uvicorn"])
def flood(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    application = "joblynk.testing.flood:application"
    command = {
        "daphne": ["joblynk.web.daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), application],
        "uvicorn": ["uvicorn", "--port", str(port), "--lifespan", "off", "--loop", "uvloop", application],
    }[request.param]
    server = Process([sys.executable, "-m", *command], tmp_path / "log", cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    server.wait_until(lambda: _answers(url), request.param)
    yield url
    server.kill()


def _answers(url: str) -> bool:
    try:
        return _sent(url) >= 0
    except OSError:
        return False


def _sent(url: str) -> int:
    with urllib.request.urlopen(f"{url}/sent", timeout=30) as response:  # noqa: S310
        return int(response.read())


def test_a_response_waits_for_its_reader_and_arrives_whole(flood: str) -> None:
    host, port = flood.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as reader:
        reader.sendall(f"GET /flood HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        told = [_sent(flood)]
        while len(told) < ALIKE or told[-1] == 0 or len(set(told[-ALIKE:])) > 1:
            told.append(_sent(flood))
        assert 0 < told[-1] < HELD_BY_THE_SYSTEM
        received = 0
        while piece := reader.recv(1 << 20):
            received += len(piece)
    assert received > len(PIECE) * PIECES
    assert _sent(flood) == len(PIECE) * PIECES


def test_a_reader_who_goes_leaves_nothing_running(flood: str) -> None:
    host, port = flood.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as reader:
        reader.sendall(f"GET /flood HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        reader.recv(1)
    while _sent(flood) < 1:
        pass
    assert _answers(flood)
