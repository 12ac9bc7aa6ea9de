"""deploy/ says what the site understands: its settings, its commands, its limits."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands
from prometheus_client import generate_latest

from joblynk.metrics import REGISTRY
from joblynk.pictures.types import MAX_BYTES
from joblynk.web import GRACE
from joblynk.web.bodies import most

ROOT = Path(settings.BASE_DIR)
DEPLOY = ROOT / "deploy"
SOURCE = (ROOT / "joblynk" / "settings.py").read_text(encoding="utf-8")
SETTINGS = set(re.findall(r'env_(?:str|bool|int|float|list|secret)\(\s*"(\w+)"', SOURCE))
OF_OTHERS = {"SITE_HOST", "POSTGRES_PASSWORD", "PYTHONUNBUFFERED"}
"""What compose.yaml itself and Python read."""
DOCUMENTS = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "docs" / "operations.md"]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return dict(composed["services"])


def assigned(name: str) -> set[str]:
    """The names that a file of NAME=value lines gives values to."""
    return set(re.findall(r"^([A-Z_]+)=", (DEPLOY / name).read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", ["env.example", "systemd/joblynk.env.example"])
def test_every_name_in_an_example_is_a_setting(name: str) -> None:
    assert assigned(name)
    assert assigned(name) <= SETTINGS | OF_OTHERS


def test_the_containers_get_settings_and_more_time_than_an_answer_takes(services: dict[str, Any]) -> None:
    for name in ("setup", "web", "worker"):
        assert set(services[name]["environment"]) <= SETTINGS
    assert int(services["web"]["stop_grace_period"].rstrip("s")) > GRACE
    assert (ROOT / services["web"]["build"]["dockerfile"]).exists()


def test_a_unit_gets_settings_and_more_time_than_an_answer_takes() -> None:
    units = DEPLOY / "systemd"
    common = (units / "joblynk-.service.d" / "common.conf").read_text(encoding="utf-8")
    web = (units / "joblynk-web@.service").read_text(encoding="utf-8")
    given = re.findall(r"^Environment=(.*)$", common + web, re.MULTILINE)
    names = {part.partition("=")[0] for line in given for part in line.split()}
    assert names <= SETTINGS | OF_OTHERS
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", web, re.MULTILINE)[0]) > GRACE


def test_the_proxy_lets_everything_pass_that_the_site_takes() -> None:
    rules = (DEPLOY / "caddy" / "rules.caddy").read_text(encoding="utf-8")
    everybody, staff = re.findall(r"max_size (\S+)", rules)
    assert int(everybody.removesuffix("MB")) * 1_000_000 == most("/") > MAX_BYTES
    assert staff == f"{{$VIDEO_MAX_MB:{settings.VIDEO_MAX_MB}}}MiB"
    assert most("/admin/") == settings.VIDEO_MAX_MB * 2**20


def mentioned(pattern: str) -> set[str]:
    """What the documents and the files in deploy/ speak of."""
    files = [*DOCUMENTS, *(path for path in DEPLOY.rglob("*") if path.is_file())]
    return set().union(*(re.findall(pattern, path.read_text(encoding="utf-8")) for path in files))


def test_every_command_and_target_that_is_told_of_exists() -> None:
    assert mentioned(r"manage\.py ([a-z]\w+)") <= get_commands().keys()
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert mentioned(r"(?:`|^)make ([a-z-]+)") <= set(targets)


def test_every_metric_that_is_told_of_exists() -> None:
    shown = generate_latest(REGISTRY).decode()
    families = re.findall(r"^# TYPE (\w+) ", shown, re.MULTILINE)
    assert {name.removesuffix("_bucket") for name in mentioned(r"\b(joblynk_\w+)")} <= set(families)


def test_no_secret_gets_into_the_image_or_the_repository() -> None:
    assert "**/.env" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "/deploy/.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
