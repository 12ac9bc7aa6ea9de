"""Where a benchmark stands: sites, servers and a model, each a process of its own, and all gone after it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from joblynk.processes import web_command
from joblynk.testing import fake_groq
from joblynk.testing.servers import Postgres, Process, Redis, free_port
from joblynk.testing.settings import POSTGRES_DIR, RUN_DIR
from joblynk.testing.sites import ROOT, Site, Sites, environment, export_model

SERVERS = ("daphne", "uvicorn")
_MODELS = ROOT / ".pytest_cache" / "d" / "models" / "onnx"  # where the tests keep it between runs
UNLIMITED = {"CHAT_MESSAGES_PER_MINUTE": "0"}


class App:
    """One of `benchmarks.apps`, served as the site is. Has `pid` and `socket_url` as a site has."""

    def __init__(self, name: str, server: str, env: Mapping[str, str]) -> None:
        port = free_port()
        command = [*web_command(server, "127.0.0.1", port)[:-1], f"benchmarks.apps:{name}"]
        self.url = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{port}/ws/chat/"
        self.process = Process(command, RUN_DIR / f"{name}-{port}.log", env=env, cwd=ROOT)
        self.process.wait_until(lambda: _listens(port), f"{name} on {server}")

    @property
    def pid(self) -> int:
        return self.process.pid


Served = Site | App


class Ground:
    """What benchmarks share in one run. Use as a context manager."""

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        self._stack = ExitStack()
        self._postgres: Postgres | None = None

    def __enter__(self) -> "Ground":
        export_model(_MODELS)
        self._stack.callback(self._stop_postgres)  # after the sites, which drop their databases
        self.sites = Sites(RUN_DIR, _MODELS)
        self._stack.callback(self.sites.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, full: int, quick: int) -> int:
        """How many of something: as many as the figure needs, or a few to see that it works."""
        return quick if self.quick else full

    @contextmanager
    def app(self, name: str, server: str, **env: str) -> Iterator[App]:
        app = App(name, server, environment(self.sites.copy(), {**UNLIMITED, **env}))
        try:
            yield app
        finally:
            app.process.stop()

    @contextmanager
    def site(
        self, server: str, content: str = "demo", postgres: str | None = None, **env: str
    ) -> Iterator[Site]:
        site = self.sites.start(server, content, postgres, {**UNLIMITED, **env})
        try:
            yield site
        finally:
            site.stop()

    @contextmanager
    def model(self, *, tokens: int, first: float, per_second: float) -> Iterator[str]:
        """The address of a model in a process of its own."""
        options = [f"--tokens={tokens}", f"--first={first}", f"--per-second={per_second}"]
        with fake_groq.process(*options) as url:
            yield url

    def postgres(self) -> str:
        if self._postgres is None:
            self._postgres = Postgres(POSTGRES_DIR)
        return self._postgres.url

    def _stop_postgres(self) -> None:
        if self._postgres is not None:
            self._postgres.stop()

    @contextmanager
    def redis(self) -> Iterator[Redis]:
        server = Redis(RUN_DIR / f"redis-{free_port()}")
        try:
            yield server
        finally:
            server.stop()

    def measured(
        self, function: str, var_dir: Path, env: Mapping[str, str] | None = None, **arguments: Any
    ) -> Any:
        """Call `module:function` in a fresh process of a site; what it returns has to be JSON."""
        call = [sys.executable, "-m", "benchmarks.child", function, json.dumps(arguments)]
        done = subprocess.run(
            call, cwd=ROOT, env=environment(var_dir, env or {}), stdout=subprocess.PIPE, text=True, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])


def with_model(url: str) -> dict[str, str]:
    """Settings of a site whose answers a model at `url` writes."""
    return {"GROQ_API_KEY": "gsk_for_the_benchmark", "GROQ_BASE_URL": url}


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
