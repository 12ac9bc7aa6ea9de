"""The servers that the suite stands on are real, and gone when they should be."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection
from playwright.sync_api import Page
from pytest_socket import SocketConnectBlockedError

from joblynk.testing import browsers
from joblynk.testing.servers import Process, Redis, ServerError, create_database, drop_database


def test_postgres_answers(postgres_url: str) -> None:
    name = f"somewhere_else_{os.getpid()}"
    with psycopg.connect(create_database(postgres_url, name)) as client:
        assert client.execute("select current_database()").fetchone() == (name,)
        drop_database(postgres_url, name)
        with pytest.raises(psycopg.OperationalError):
            client.execute("select 1")


def test_redis_starts_again_at_its_address(start_redis: Callable[[], Redis]) -> None:
    server = start_redis()
    client = redis.Redis.from_url(server.url)
    assert client.ping()
    assert server.stop() == 0
    with pytest.raises(redis.ConnectionError):
        client.ping()
    server.start()
    assert client.ping()


@pytest.mark.django_db
def test_the_test_database_has_the_production_options() -> None:
    if connection.vendor == "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert Path(connection.settings_dict["NAME"]).exists()


def test_a_server_that_dies_says_why(tmp_path: Path) -> None:
    dying = Process(["/bin/sh", "-c", "echo no disk left; exit 3"], tmp_path / "log")
    with pytest.raises(ServerError, match="ended with 3:\nno disk left"):
        dying.wait_until(lambda: False, "the server")


def test_no_secret_of_the_developer_reaches_the_tests() -> None:
    assert not settings.GROQ_API_KEY
    assert not settings.SERPER_API_KEY


def test_other_machines_are_out_of_reach() -> None:
    with pytest.warns(UserWarning), pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_a_named_chromium_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(ServerError, match="CHROMIUM=/nowhere/chromium does not exist"):
        browsers.chromium.__wrapped__()


def test_the_browser_is_there(page: Page) -> None:
    page.set_content("<h1>Good day</h1>")
    assert page.get_by_role("heading").inner_text() == "Good day"
