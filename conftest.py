"""Fixtures of every test: servers, sites and a browser, all real. See joblynk/testing."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from joblynk.testing import browsers, overheard
from joblynk.testing.servers import Postgres, Redis
from joblynk.testing.settings import ON_POSTGRES, POSTGRES_DIR, RUN_DIR
from joblynk.testing.sites import Site, Sites, export_model, only_one

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup"}
BROWSER_FIXTURES = {"browser", "page", "context", "new_context"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the database or the browser; browser tests go last, because Playwright's loop stays
    with the process and no other loop can run there afterwards."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & DATABASE_FIXTURES or item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.database)
        if fixtures & BROWSER_FIXTURES:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session", autouse=True)
def _listening() -> Iterator[None]:
    """Sites that are shared are listened to when they end."""
    logging.getLogger().addHandler(overheard.LISTENER)
    yield
    assert overheard.LISTENER.betrayals(of_all=True) == []


@pytest.fixture(autouse=True)
def _nothing_overheard(_listening: None) -> Iterator[None]:
    """No log line, of the test's own process and of those that it started, holds a key or what a customer
    has written."""
    yield
    assert overheard.LISTENER.betrayals() == []


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    server = Redis(RUN_DIR / f"redis-{os.getpid()}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """A Redis to talk to: `REDIS_URL` if the run was given one, else one of its own."""
    if given := os.environ.get("TEST_REDIS_URL"):
        return given
    server: Redis = request.getfixturevalue("redis_server")
    return server.url


@pytest.fixture
def start_redis() -> Iterator[Callable[[], Redis]]:
    """Start a Redis that the test may stop, flush and start again."""
    started: list[Redis] = []

    def start() -> Redis:
        started.append(Redis(RUN_DIR / f"redis-{os.getpid()}-{len(started)}"))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server's URL: `DATABASE_URL` if the run was given one, else one of its own."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    server = Postgres(POSTGRES_DIR)
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, request: pytest.FixtureRequest
) -> None:
    """PostgreSQL runs before Django makes its test database there."""
    if ON_POSTGRES:
        request.getfixturevalue("postgres_url")


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The servers and files go with the run, so no table is dropped one by one; a given server is tidied."""
    return "TEST_POSTGRES_URL" not in os.environ


@pytest.fixture(scope="session")
def models_dir(pytestconfig: pytest.Config) -> Path:
    """The exported embedding model, kept between runs because the export takes half a minute.

    `settings.ONNX_DIR` leads to it, so code under test finds it where it always is.
    """
    models = pytestconfig.cache.mkdir("models") / "onnx"
    with only_one(models.with_suffix(".lock")):
        export_model(models)
        if not settings.ONNX_DIR.exists():
            settings.ONNX_DIR.parent.mkdir(parents=True, exist_ok=True)
            settings.ONNX_DIR.symlink_to(models)
    return models


@pytest.fixture
def sites(models_dir: Path) -> Iterator[Sites]:
    """Running sites: `sites.start(server="uvicorn", content="demo", postgres=postgres_url, env={…})`."""
    sites = Sites(RUN_DIR, models_dir)
    yield sites
    sites.close()


@pytest.fixture
def daphne(sites: Sites) -> Callable[..., Site]:
    """Start a Daphne of a fresh site and wait until it is ready; the same arguments as `sites.start`."""
    return sites.start


@pytest.fixture(scope="session")
def chromium() -> str:
    return browsers.chromium()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": chromium, "args": browsers.arguments()}


@pytest.fixture(autouse=True)
def _database_beside_playwright(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright's synchronous API runs a loop in the test's thread, which Django takes for async code."""
    if request.node.get_closest_marker("browser"):
        monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
