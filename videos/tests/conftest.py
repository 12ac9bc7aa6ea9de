from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from joblynk import executors
from videos import recommend


@pytest.fixture(autouse=True)
def fresh(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """No files and no index of another test."""
    settings.MEDIA_ROOT = tmp_path / "uploads"
    recommend.forget()
    yield
    executors.shutdown()
    recommend.forget()
