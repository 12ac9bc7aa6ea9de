"""Typing errors, mended from the base's own words."""

import time

import pytest

from knowledge.spelling import repair

BASE = {"password": 9, "reset": 4, "invoice": 3, "invoices": 5, "year": 2, "account": 7, "kerouac": 1}
WORDS = {"polar", "gear"}


def mended(text: str) -> str:
    return repair(text, lambda word: BASE.get(word, 0), lambda word: word in WORDS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("forgot my pasword", "forgot my password"),
        ("passwoord", "password"),
        ("pasword RESTE", "password reset"),
        ("acocunt", "account"),
        ("this eyar", "this year"),
        ("Invoics, please", "invoices, please"),
    ],
)
def test_one_slip_is_mended(typed: str, meant: str) -> None:
    assert mended(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "polar gear",  # words that the base does not use
        "Where is Keroac",  # a name
        "yxar",  # too short to be sure
        "pswrd",  # more than one slip
        "E-1042 passw0rd",
        "",
        "Größe prüfen",
        "password reset",
    ],
)
def test_what_may_be_right_stays(text: str) -> None:
    assert mended(text) == text


def test_a_wall_of_nonsense_costs_little() -> None:
    started = time.perf_counter()
    mended("qwertzuiop " * 360)
    assert time.perf_counter() - started < 2
