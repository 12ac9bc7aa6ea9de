"""Only the site's own pages may open the socket: scheme, host and port, all three."""

import pytest
from pytest_django.fixtures import Settings

from joblynk.origin import may_connect

HOST = b"help.example.com:8000"


def asks(origin: str | None, *, host: bytes = HOST, scheme: str = "http") -> bool:
    headers = {b"host": host} if origin is None else {b"host": host, b"origin": origin.encode()}
    return may_connect(headers, scheme)


@pytest.fixture(autouse=True)
def _hosts(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["help.example.com"]
    settings.PUBLIC_ORIGINS = []


def test_the_page_itself_may_connect() -> None:
    assert asks("http://help.example.com:8000")
    assert asks("https://help.example.com", host=b"help.example.com", scheme="https")
    assert asks("https://help.example.com:443", host=b"help.example.com", scheme="https")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "http://evil.example",
        "http://help.example.com",
        "http://help.example.com:1",
        "https://help.example.com:8000",
        "http://help.example.com.evil.example:8000",
        "http://evil-help.example.com:8000",
        "http://user@help.example.com:8000",
        "http://help.example.com:8000@evil.example",
        "http://help.example.com:8000/path",
        "http://help.example.com:8000?x",
        "file://help.example.com:8000",
        "http://help.example.com:99999",
        "http://[::1",
        "help.example.com:8000",
    ],
)
def test_any_other_origin_is_refused(origin: str | None) -> None:
    assert not asks(origin)


def test_a_host_that_is_not_ours_is_refused_even_when_the_origin_agrees() -> None:
    assert not asks("http://rebound.example:8000", host=b"rebound.example:8000")


def test_a_configured_origin_may_connect(settings: Settings) -> None:
    settings.PUBLIC_ORIGINS = ["https://www.example.com"]
    assert asks("https://www.example.com")
    assert not asks("http://www.example.com")
