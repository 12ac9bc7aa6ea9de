"""The proxy's rules of deploy/caddy with a real Caddy before two web processes that are renewed in turn."""

import signal
import ssl
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from joblynk.testing.chaos import LONG
from joblynk.testing.servers import Process, Redis, free_port
from joblynk.testing.sites import ROOT, Site, Sites

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not LONG, reason="a long form: make chaos"),
]
CADDY = Path(sys.executable).with_name("caddy")
FOR_THE_TEST = """{{
	admin off
	skip_install_trust
	storage file_system {folder}
	http_port {http}
	https_port {https}
}}
import {rules}
"""


class Proxy:
    """Caddy with a certificate of its own making."""

    def __init__(self, folder: Path, sites: list[Site]) -> None:
        folder.mkdir()
        self.port = free_port()
        rules = ROOT / "deploy" / "caddy" / "Caddyfile.hosts"
        config = folder / "Caddyfile"
        words = FOR_THE_TEST.format(folder=folder, http=free_port(), https=self.port, rules=rules)
        config.write_text(words, encoding="utf-8")
        env = {
            "HOME": str(folder),
            "SITE_HOST": "localhost",
            "WEB_PROCESSES": " ".join(f"127.0.0.1:{site.port}" for site in sites),
        }
        command = [str(CADDY), "run", "--adapter", "caddyfile", "--config", str(config)]
        self.process = Process(command, folder / "log", env=env)
        self.process.wait_until(lambda: self.ask("/readyz") == 200, "Caddy")

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> int:
        """The status; 0 when there was no answer."""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        request = urllib.request.Request(f"https://localhost:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60, context=trusting) as answer:  # noqa: S310
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


@pytest.fixture
def pair(sites: Sites, start_redis: Callable[[], Redis]) -> list[Site]:
    env = {
        "REDIS_URL": start_redis().url,
        "WEB_CONCURRENCY": "2",
        "HTTPS": "1",
        "BEHIND_PROXY": "1",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
    }
    one = sites.start("uvicorn", "empty", env=env)
    return [one, sites.adopt(one.beside()).start()]


@pytest.fixture
def proxy(pair: list[Site], tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path / "caddy", pair)
    yield proxy
    proxy.process.stop()


def told_of(told: list[int], many: int) -> bool:
    return len(told) > many


def test_nobody_sees_that_the_processes_are_renewed_in_turn(proxy: Proxy, pair: list[Site]) -> None:
    told: list[int] = []
    over = threading.Event()

    def ask_on() -> None:
        while not over.is_set():
            told.append(proxy.ask("/"))

    asking = threading.Thread(target=ask_on)
    asking.start()
    try:
        for site in pair:
            site.web.stop(signal.SIGTERM, 60)
            site.start()
            proxy.process.wait_until(partial(told_of, told, len(told) + 20), "the proxy")
    finally:
        over.set()
        asking.join()
    assert set(told) == {200}


def test_the_proxy_refuses_what_the_site_would_not_take(proxy: Proxy) -> None:
    post = {"Content-Type": "application/octet-stream"}
    assert proxy.ask("/api/attachments/", bytes(10_600_000), **post) == 403  # the site's own word: no token
    assert proxy.ask("/api/attachments/", bytes(13_000_000), **post) in (413, 0)
    assert proxy.ask("/admin/login/", bytes(13_000_000), **post) == 403
    assert proxy.ask("/metrics") == 404
