"""`manage.py serve` and `manage.py setup`, as an operator meets them."""

import os
import re
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from joblynk.testing.servers import Process, ServerError, free_port
from joblynk.testing.settings import RUN_DIR
from joblynk.testing.sites import ROOT, Sites, environment, manage

Serve = Callable[..., Process]


@pytest.fixture
def var_dir(sites: Sites) -> Path:
    """The files of a site that is set up."""
    return sites.copy("empty")


@pytest.fixture
def serve(var_dir: Path) -> Iterator[Serve]:
    """Start `manage.py serve` and wait until it says that it is ready."""
    started: list[Process] = []

    def start(**env: str) -> Process:
        command = [sys.executable, "manage.py", "serve"]
        process = Process(command, var_dir / "serve.log", env=environment(var_dir, env), cwd=ROOT)
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop()


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_serving_ends_well_when_asked_to(serve: Serve, server: str, number: signal.Signals) -> None:
    port = free_port()
    process = serve(PORT=str(port), ASGI_SERVER=server)
    process.wait_until(lambda: "Ctrl-C stops it" in process.log(), "serve")
    assert f"http://localhost:{port}/admin/" in process.log()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.status == 200
    pids = children(process.pid)
    assert len(pids) == 2
    assert process.stop(number, seconds=15) == 0
    assert not any(map(running, pids))


def test_when_one_process_dies_all_stop_with_an_error(serve: Serve) -> None:
    process = serve(PORT=str(free_port()))
    process.wait_until(lambda: "Ctrl-C stops it" in process.log(), "serve")
    web, worker = children(process.pid)
    os.kill(web, signal.SIGKILL)
    assert process.popen.wait(15) == 1
    assert "The web process ended by itself with code -9" in process.log()
    assert not running(worker)


def test_a_busy_port_is_told_before_anything_else(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = serve(PORT=str(port))
        assert process.popen.wait(15) == 1
    assert f"Port {port} is in use" in process.log()
    assert f"make run PORT={port + 1}" in process.log()


def test_a_wrong_setting_stops_the_start_with_its_remedy(serve: Serve) -> None:
    process = serve(PORT=str(free_port()), ASGI_SERVER="gunicorn")
    assert process.popen.wait(15) == 1
    assert "joblynk.E008" in process.log()
    assert "Use daphne or uvicorn." in process.log()


def test_setup_has_nothing_to_do_twice(var_dir: Path) -> None:
    assert manage(var_dir, "setup") == ""


def test_the_password_is_told_once_and_opens_the_admin(sites: Sites, models_dir: Path) -> None:
    fresh = RUN_DIR / f"fresh-{os.getpid()}"
    fresh.mkdir()
    (fresh / "models").symlink_to(models_dir)
    told = manage(fresh, "setup", env={"LOAD_DEMO": "0"})
    password = re.search(r"Staff account: admin, password: (\S+)", told)
    assert password
    code = (
        "from django.contrib.auth.models import User; "
        f"print(User.objects.get(username='admin', is_superuser=True).check_password('{password[1]}'))"
    )
    assert manage(fresh, "shell", "--no-imports", "-c", code).strip() == "True"
    assert manage(fresh, "setup", env={"LOAD_DEMO": "0"}) == ""


def test_an_unwritable_database_is_an_error_and_no_half_site(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="unable to open database file"):
        manage(tmp_path, "setup", env={"DATABASE_URL": "sqlite:////nowhere/site.sqlite3", "LOAD_DEMO": "0"})
