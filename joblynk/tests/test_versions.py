"""What is installed is not older than what mended known holes."""

from importlib.metadata import version
from pathlib import Path

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.version import Version

# The first versions without the hole that is named.
FLOORS = {
    "django": "5.2.14",
    "daphne": "4.2.2",  # messages without end (CVE-2026-44545)
    "channels": "4.3.0",
    "pillow": "12.1.1",  # writes outside its buffer (CVE-2026-25990)
    "pypdf": "6.6.2",
    "lxml": "6.0.0",
    "defusedxml": "0.7.1",
    "nh3": "0.3.0",
    "uvicorn": "0.30.0",
    "websockets": "14.0",
    "httpx": "0.28.0",
    "aiohttp": "3.13.3",  # small answers that unpack without end (CVE-2025-69223)
    "redis": "5.0.0",
    "cryptography": "46.0.5",
}


@pytest.mark.parametrize(("package", "floor"), FLOORS.items())
def test_no_version_is_below_its_floor(package: str, floor: str) -> None:
    assert Version(version(package)) >= Version(floor)


def test_what_is_installed_is_what_is_pinned() -> None:
    files = [Path(settings.BASE_DIR) / name for name in ("requirements.txt", "requirements-dev.txt")]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    named = [Requirement(line.partition("#")[0]) for line in lines if line and line[0] not in "#-"]
    assert set(FLOORS) <= {one.name for one in named}
    for one in named:
        assert [part.operator for part in one.specifier] == ["=="], one
        if one.marker is None or one.marker.evaluate():
            assert one.specifier.contains(version(one.name)), one
