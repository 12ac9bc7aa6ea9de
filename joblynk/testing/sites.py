"""Whole running sites for tests: a real web process, its database, its files, its log."""

import fcntl
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from joblynk.processes import web_command, worker_command
from joblynk.testing import overheard
from joblynk.testing.hosts import HERE, Host
from joblynk.testing.servers import (
    START_SECONDS,
    Process,
    ServerError,
    create_database,
    drop_database,
    free_port,
)

ROOT = Path(__file__).resolve().parents[2]
_numbers = itertools.count(1)


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """The processes of a test run enter one after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def environment(var_dir: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """What a process of the site gets: this process's environment, which the test settings have cleaned."""
    ours = {"DJANGO_SETTINGS_MODULE": "joblynk.settings", "VAR_DIR": str(var_dir), "PYTHONUNBUFFERED": "1"}
    return {**os.environ, "LOG_LEVEL": "DEBUG", **ours, **extra}


def manage(var_dir: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run `manage.py` on a site; returns what it printed, raises ServerError when it failed."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        cwd=ROOT,
        env=environment(var_dir, env or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        raise ServerError(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def export_model(folder: Path) -> None:
    """Export the packaged embedding model, in a process that takes torch with it when it ends."""
    from joblynk.providers.embedding.export import is_whole

    if not is_whole(folder):
        code = "import pathlib, sys; from joblynk.providers.embedding import export; "
        code += "export.ensure_exported(pathlib.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=True)  # noqa: S603


class Site:
    """One web process of a site, on a free port. Start more of the same site with `beside`."""

    def __init__(
        self,
        var_dir: Path,
        server: str = "daphne",
        env: Mapping[str, str] | None = None,
        host: Host = HERE,
    ) -> None:
        self.var_dir = var_dir
        self.server = server
        self.host = host
        self.env = dict(env or {})
        self.port = free_port()
        self.log_path = var_dir / f"{server}-{next(_numbers)}.log"
        self._web: Process | None = None
        self._workers: list[Process] = []

    @property
    def url(self) -> str:
        return f"http://{self.host.address}:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://{self.host.address}:{self.port}/ws/chat/"

    @property
    def pid(self) -> int:
        return self.web.pid

    @property
    def web(self) -> Process:
        if self._web is None:
            raise ServerError("The site is not started.")
        return self._web

    def start(self, seconds: float = START_SECONDS) -> "Site":
        """Start on the same port as before, and wait until /readyz says yes."""
        self._web = self._process(web_command(self.server, self.host.address, self.port), self.log_path)
        try:
            self._web.wait_until(lambda: _ready(self.url), self.server, seconds)
        except ServerError:
            self.kill()
            raise
        return self

    def start_worker(self) -> Process:
        log = self.var_dir / f"worker-{next(_numbers)}.log"
        worker = self._process(worker_command(), log)
        self._workers.append(worker)
        return worker

    def _process(self, command: Sequence[str], log: Path) -> Process:
        env = environment(self.var_dir, self.env)
        return Process([*self.host.prefix, *command], log, env=env, cwd=ROOT)

    def beside(self, server: str | None = None, host: Host | None = None, **env: str) -> "Site":
        """Another web process of the same site (same database and files), not started yet."""
        return Site(self.var_dir, server or self.server, {**self.env, **env}, host or self.host)

    def manage(self, *arguments: str) -> str:
        return manage(self.var_dir, *arguments, env=self.env)

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop as a deployment does; returns the exit code of the web process."""
        return self.web.stop(number)

    def kill(self) -> None:
        for process in (*self._workers, self._web):
            if process is not None:
                process.kill()
        self._workers.clear()


class Sites:
    """Makes sites from templates that are set up once a run: `empty`, and `demo` with its content."""

    def __init__(self, run_dir: Path, models: Path) -> None:
        self._run_dir = run_dir
        self._models = models
        self._made: list[Site] = []
        self._copies: list[Path] = []
        self._databases: list[tuple[str, str]] = []

    def template(self, content: str) -> Path:
        """The var directory of a site that `manage.py setup` has prepared, made on first use."""
        var_dir = self._run_dir / f"template-{content}"
        with only_one(self._run_dir / f"template-{content}.lock"):
            if not (var_dir / "complete").exists():
                shutil.rmtree(var_dir, ignore_errors=True)
                var_dir.mkdir(parents=True)
                (var_dir / "models").symlink_to(self._models)
                manage(var_dir, "setup", env={"LOAD_DEMO": "1" if content == "demo" else "0"})
                (var_dir / "complete").touch()
        return var_dir

    def copy(self, content: str = "empty") -> Path:
        """The var directory of a fresh site, ready to serve and not served yet."""
        var_dir = self._run_dir / f"site-{os.getpid()}-{next(_numbers)}"
        ignored = shutil.ignore_patterns("*.log", "complete")
        shutil.copytree(self.template(content), var_dir, symlinks=True, ignore=ignored)
        self._copies.append(var_dir)
        return var_dir

    def start(
        self,
        server: str = "daphne",
        content: str = "empty",
        postgres: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Site:
        """A started site with files and a database of its own; the arguments are those of `make`."""
        return self.make(server, content, postgres, env).start()

    def make(
        self,
        server: str = "daphne",
        content: str = "empty",
        postgres: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Site:
        """The same, not started yet.

        `postgres`: URL of a server on which to create the database (then set up afresh); else SQLite.
        """
        var_dir = self.copy(content)
        extra = dict(env or {})
        if postgres:
            extra["DATABASE_URL"] = create_database(postgres, var_dir.name)
            self._databases.append((postgres, var_dir.name))
            manage(var_dir, "setup", env={**extra, "LOAD_DEMO": "1" if content == "demo" else "0"})
        return self.adopt(Site(var_dir, server, extra))

    def adopt(self, site: Site) -> Site:
        """Have `close` stop a site that the test made itself, e.g. with `beside`."""
        self._made.append(site)
        return site

    def close(self) -> None:
        for site in self._made:
            site.kill()
            for log in site.var_dir.glob("*.log"):
                overheard.LISTENER.read(log.read_text(encoding="utf-8", errors="replace").splitlines())
        for server_url, name in self._databases:
            drop_database(server_url, name)
        self._databases.clear()  # a test may close before the fixture does
        for var_dir in self._copies:
            shutil.rmtree(var_dir, ignore_errors=True)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        time.sleep(0.05)
        return False
