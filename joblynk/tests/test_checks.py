"""Every wrong setting is an error with an id and a remedy, and a right configuration is silent."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django.fixtures import Settings

from joblynk.checks import TAG, check_secret_key, choices
from joblynk.testing.sites import ROOT

GROQ = {
    "BACKEND": "joblynk.providers.llm.groq.GroqLLM",
    "OPTIONS": {"base_url": "https://api.groq.com/openai/v1"},
}

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("joblynk.E002", {"ALLOWED_HOSTS": ["help.example.com", "*"]}),
    ("joblynk.E003", {"PUBLIC_ORIGINS": ["help.example.com"]}),
    ("joblynk.E003", {"PUBLIC_ORIGINS": ["https://help.example.com/chat"]}),
    ("joblynk.E003", {"PUBLIC_ORIGINS": ["https://*.example.com"]}),
    ("joblynk.E003", {"PUBLIC_ORIGINS": ["https://user@help.example.com"]}),
    ("joblynk.E003", {"PUBLIC_ORIGINS": ["https://help.example.com:port"]}),
    ("joblynk.E004", {"SETTINGS_WITHOUT_KEY": {"GROQ_API_KEY": ["GROQ_MODEL"]}}),
    ("joblynk.E005", {"WEB_PROCESSES": 4, "CHANNEL_LAYERS": {}}),
    ("joblynk.E006", {"REDIS_URL": "localhost:6379"}),
    ("joblynk.E008", {"ASGI_SERVER": "gunicorn"}),
    ("joblynk.E009", {"SQLITE_SYNCHRONOUS": "maybe"}),
    ("joblynk.E010", {"CHAT_FIRST_TOKEN_SECONDS": 60.0}),
    ("joblynk.E011", {"DATABASE_THREADS": 0}),
    ("joblynk.E031", {"LOG_FORMAT": "xml"}),
]


def ours() -> list[CheckMessage]:
    return run_checks(tags=[TAG])


def test_the_settings_of_the_tests_are_right() -> None:
    assert ours() == []


@pytest.mark.parametrize(("expected", "wrong"), WRONG)
def test_a_wrong_setting_is_an_error_with_a_remedy(
    expected: str, wrong: dict[str, Any], settings: Settings
) -> None:
    for name, value in wrong.items():
        setattr(settings, name, value)
    (found,) = ours()
    assert found.id == expected
    assert found.hint


def test_sentry_without_its_package_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SENTRY_DSN = "https://key@sentry.example/1"
    assert ours() == []
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    assert [found.id for found in ours()] == ["joblynk.E030"]


def test_a_path_in_the_address_of_groq_is_an_error(settings: Settings) -> None:
    settings.PROVIDERS = {**settings.PROVIDERS, "llm": GROQ}
    assert [found.id for found in ours()] == ["joblynk.E007"]


def test_a_missing_secret_key_is_an_error(settings: Settings) -> None:
    settings.SECRET_KEY = ""
    (found,) = check_secret_key(None)
    assert found.id == "joblynk.E001"
    assert "make secret" in str(found.hint)


def test_several_web_processes_with_redis_are_right(settings: Settings) -> None:
    settings.WEB_PROCESSES = 4
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}}
    assert ours() == []


def test_the_choice_of_providers_is_told(settings: Settings) -> None:
    found = {note.id: note.msg for note in run_checks(tags=[TAG], include_deployment_checks=True)}
    assert "GROQ_API_KEY is not set" in found["joblynk.I001"]
    settings.PROVIDERS = {**settings.PROVIDERS, "llm": {**GROQ, "OPTIONS": {"model": "openai/gpt-oss-120b"}}}
    assert "openai/gpt-oss-120b" in choices()[0]


@pytest.mark.parametrize("extra", [{}, {"BEHIND_PROXY": "1"}])
def test_the_deployment_check_is_clean_with_production_settings(extra: dict[str, str]) -> None:
    production = {
        "HTTPS": "1",
        "ALLOWED_HOSTS": "help.example.com",
        "DJANGO_SETTINGS_MODULE": "joblynk.settings",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING", "--tag", "security"],
        cwd=ROOT,
        env={**os.environ, **production, **extra},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"ALLOWED_HOSTS": "*"}, "joblynk.E002"), ({"SECRET_KEY": "", "VAR_DIR": "/nowhere"}, "SECRET_KEY")],
)
def test_no_server_serves_a_site_with_unsafe_settings(wrong: dict[str, str], named: str) -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "joblynk.settings", "DEBUG": "0", **wrong}
    done = subprocess.run(
        [sys.executable, "-c", "import joblynk.asgi"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ImproperlyConfigured" in done.stderr
    assert named in done.stderr
