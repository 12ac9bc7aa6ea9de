"""Guessing a password of the staff."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db
RIGHT = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _mira() -> None:
    User.objects.create_superuser("mira", password=RIGHT)


def sign_in(password: str, address: str = "192.0.2.1", **headers: str) -> int:
    fields = {"username": "mira", "password": password, "next": "/admin/"}
    answer = Client(REMOTE_ADDR=address).post("/admin/login/", fields, headers=headers)
    return int(answer.status_code)


def test_the_sixth_try_is_refused_with_the_right_password() -> None:
    assert [sign_in(f"guess {number}") for number in range(5)][:4] == [200] * 4
    assert sign_in(RIGHT) == 429
    assert sign_in(RIGHT, "198.51.100.7") == 302  # whoever guesses locks nobody else out


def test_a_right_password_before_that_begins_the_count_anew() -> None:
    for _ in range(3):
        assert [sign_in("wrong") for _ in range(4)] == [200] * 4
        assert sign_in(RIGHT) == 302


def test_another_address_in_the_header_is_no_way_round_it(settings: Settings) -> None:
    for number in range(5):
        sign_in("wrong", **{"X-Forwarded-For": f"203.0.113.{number}"})
    assert sign_in(RIGHT, **{"X-Forwarded-For": "203.0.113.99"}) == 429
    settings.TRUSTED_PROXY_COUNT = 1
    assert sign_in(RIGHT, **{"X-Forwarded-For": "203.0.113.99"}) == 302


def test_addresses_of_one_ipv6_network_count_together() -> None:
    for number in range(5):
        sign_in("wrong", f"2001:db8:0:1::{number + 1}")
    assert sign_in(RIGHT, "2001:db8:0:1:ffff::1") == 429
    assert sign_in(RIGHT, "2001:db8:0:2::1") == 302
