from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse
from pytest_django.fixtures import Settings

from joblynk.web.static_files import StaticFiles


@pytest.fixture
def process(settings: Settings, tmp_path: Path) -> StaticFiles:
    """A process that began when nothing had been gathered."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    (tmp_path / "secret_key").write_text("not to be served")
    return StaticFiles(lambda request: HttpResponse(status=404))


def status(process: StaticFiles, path: str) -> int:
    request = HttpRequest()
    request.method, request.path_info = "GET", path
    return process(request).status_code


def test_a_process_serves_files_that_the_next_version_gathered(process: StaticFiles, tmp_path: Path) -> None:
    assert status(process, "/static/chat/main.0123abcd.js") == 404
    (tmp_path / "static" / "chat").mkdir()
    (tmp_path / "static" / "chat" / "main.0123abcd.js").write_text("export {};")
    assert status(process, "/static/chat/main.0123abcd.js") == 200


@pytest.mark.parametrize("path", ["/static/../secret_key", "/static//../secret_key", "/static/"])
def test_nothing_beside_them_is_served(process: StaticFiles, path: str) -> None:
    assert status(process, path) == 404
