"""Signing in to the admin: what a stranger can prepare, learn and overhear."""

import runpy
import time
from http.cookies import Morsel

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from joblynk.testing.sites import ROOT

pytestmark = pytest.mark.django_db
RIGHT = "correct horse battery staple"
PAGE = "/admin/login/"


@pytest.fixture
def mira() -> None:
    get_user_model()._default_manager.create_superuser(username="mira", password=RIGHT)


def cookie(client: Client, name: str) -> "Morsel[str]":
    return client.cookies[name]


@pytest.mark.usefixtures("mira")
def test_a_session_that_was_foisted_on_somebody_is_not_the_one_they_sign_in_with() -> None:
    victim, stranger = Client(), Client()
    session = victim.session
    session["foisted"] = True
    session.save()
    stranger.cookies["sessionid"] = victim.cookies["sessionid"].value
    assert victim.post(PAGE, {"username": "mira", "password": RIGHT}).status_code == 302
    assert victim.get("/admin/").status_code == 200
    assert cookie(victim, "sessionid").value != cookie(stranger, "sessionid").value
    assert stranger.get("/admin/").status_code == 302


@pytest.mark.usefixtures("mira")
@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "https://evil.example/admin/",
        "javascript:alert(1)",
        "/\\evil.example",
        "///evil.example",
        "https:evil.example",
        "\thttps://evil.example",
    ],
)
def test_nobody_is_led_elsewhere_after_signing_in(elsewhere: str) -> None:
    fields = {"username": "mira", "password": RIGHT, "next": elsewhere}
    client = Client()
    answer = client.post(f"{PAGE}?next={elsewhere}", fields)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert client.get(PAGE, {"next": elsewhere})["Location"] == "/admin/"  # signed in already


@pytest.mark.usefixtures("mira")
def test_a_page_of_the_site_is_gone_on_to_after_signing_in() -> None:
    fields = {"username": "mira", "password": RIGHT, "next": "/admin/knowledge/faq/?q=pay"}
    assert Client().post(PAGE, fields)["Location"] == "/admin/knowledge/faq/?q=pay"


def test_a_name_that_nobody_has_takes_as_long_as_a_wrong_password(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    get_user_model()._default_manager.create_superuser(username="mira", password=RIGHT)

    def seconds(name: str) -> float:
        began = time.thread_time()
        answer = Client().post(PAGE, {"username": name, "password": "wrong"})
        assert answer.status_code == 200
        return time.thread_time() - began

    assert 0.5 < seconds("nobody") / seconds("mira") < 2


@pytest.mark.usefixtures("mira")
@pytest.mark.parametrize("https", [False, True])
def test_no_script_and_no_other_site_gets_the_session_and_over_tls_no_listener(
    https: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS", str(int(https)))
    for name, value in runpy.run_path(str(ROOT / "joblynk" / "settings.py")).items():
        if name.startswith(("SESSION_", "CSRF_", "SECURE_", "HTTPS")):
            setattr(settings, name, value)
    client = Client()
    client.get(PAGE, secure=https)
    client.post(PAGE, {"username": "mira", "password": RIGHT}, secure=https)
    for name, hidden in (("sessionid", True), ("csrftoken", False)):  # the page sends the token in a header
        morsel = cookie(client, name)
        assert bool(morsel["httponly"]) is hidden
        assert (bool(morsel["secure"]), morsel["samesite"]) == (https, "Lax")
