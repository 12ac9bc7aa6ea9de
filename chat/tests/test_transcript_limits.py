"""No open relay: strangers get no transcript, and no more questions than the limits allow."""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from chat import frames
from chat.letters.sheet import one_line
from chat.models import ConfirmedAddress, Conversation, Message, TranscriptDelivery
from chat.networks import hashed, network_of
from chat.protocol import DurableEvent
from chat.tests.mailing import (
    EMAIL,
    VISITOR,
    a_talk,
    ask,
    let_time_pass,
    say,
    send_due,
    sendgrid,
    told_states,
)
from chat.transcripts import deliveries
from chat.transcripts.log import Refused
from joblynk.testing.fake_sendgrid import FakeSendGrid

__all__ = ["sendgrid"]
LONG = os.environ.get("CHAOS") == "1"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ask_first(sendgrid: FakeSendGrid, settings: Settings) -> None:
    settings.TRANSCRIPT_CONFIRMATION = True


def code(result: tuple[DurableEvent, ...] | Refused) -> str:
    return result.code if isinstance(result, Refused) else ""


def link_of(number: int = -1) -> TranscriptDelivery:
    return list(TranscriptDelivery.objects.filter(purpose="confirmation").order_by("created_at"))[number]


def test_a_stranger_is_asked_first_in_words_of_ours_alone(sendgrid: FakeSendGrid) -> None:
    talk = a_talk(question="BUY PILLS at https://evil.example <b>now</b>")
    ask(talk)
    send_due()
    (mail,) = sendgrid.mails
    for part in (mail.subject, mail.text, mail.html, str(mail.body)):
        assert "PILLS" not in part
        assert "evil" not in part
        assert VISITOR not in part
    assert "https://help.joblynk.example/transcript/confirm/" in mail.text
    assert told_states(talk) == ["waiting"]


def test_after_the_click_the_transcript_goes_and_later_ones_go_directly(sendgrid: FakeSendGrid) -> None:
    talk = a_talk()
    ask(talk)
    send_due()
    events = deliveries.confirm(link_of().id, timezone.now())
    assert [event.data["state"] for event in events or []] == ["queued"]
    send_due()
    say(talk, "And for a team?")
    ask(talk)
    send_due()
    assert ["Confirm" in mail.subject for mail in sendgrid.mails] == [True, False, False]
    assert deliveries.confirm(link_of().id, timezone.now()) == []


def test_a_confirmation_is_the_visitors_alone_and_lasts_a_day() -> None:
    talk, other = a_talk(), a_talk(visitor="b" * 32)
    ask(talk)
    link = link_of()
    let_time_pass(timedelta(hours=24, seconds=1))
    assert deliveries.confirm(link.id, timezone.now()) is None
    ask(other)
    deliveries.confirm(link_of().id, timezone.now())
    assert told_states(other) == ["waiting", "queued"]
    assert told_states(talk) == ["waiting"]
    assert not deliveries.is_confirmed(VISITOR, EMAIL)
    assert (
        deliveries.confirm(TranscriptDelivery.objects.filter(purpose="transcript")[0].id, timezone.now())
        is None
    )


def test_three_a_conversation() -> None:
    talk = a_talk()
    found = [code(ask(talk, f"anna{number}@mail.example")) for number in range(5)]
    assert found == ["", "", "", "too_many_transcripts", "too_many_transcripts"]


def test_five_an_hour_and_network() -> None:
    def try_again() -> str:
        talk = a_talk(visitor=f"{random.getrandbits(100):032x}")
        return code(ask(talk, f"{talk.id.hex}@mail.example", network="n"))

    assert [try_again() for _ in range(7)] == [""] * 5 + ["too_many_transcripts"] * 2
    let_time_pass(timedelta(hours=1, seconds=1))
    assert try_again() == ""


def test_one_visitor_who_tries_fifty_addresses_sends_no_transcript_and_as_many_questions_as_the_limits_allow(
    settings: Settings, sendgrid: FakeSendGrid
) -> None:
    talks, networks = [a_talk(question="Buy pills") for _ in range(10)], 4
    for number in range(50):
        ask(talks[number % 10], f"anna{number}@mail.example", network=str(number % networks))
    while send_due():
        pass
    assert {mail.subject for mail in sendgrid.mails} == {"Confirm your e-mail address for Joblynk help"}
    assert len({mail.to for mail in sendgrid.mails}) == len(sendgrid.mails)
    assert len(sendgrid.mails) == networks * settings.TRANSCRIPTS_PER_NETWORK_HOUR
    assert "pills" not in "".join(str(mail.body) for mail in sendgrid.mails)
    assert {state for talk in talks for state in told_states(talk)} == {"waiting"}


def test_three_a_day_and_mailbox_whatever_stands_behind_a_plus_and_however_it_is_written() -> None:
    written = ["anna@mail.example", "ANNA@mail.example", "anna+2@mail.example", "anna+3@Mail.Example"]
    found = [code(ask(a_talk(visitor=f"{place:032}"), email)) for place, email in enumerate(written)]
    assert found == ["", "", "", "too_many_for_address"]
    let_time_pass(timedelta(hours=24, seconds=1))
    assert code(ask(a_talk(visitor="c" * 32))) == ""


def test_strangers_who_ask_do_not_use_up_what_the_owner_may_have(sendgrid: FakeSendGrid) -> None:
    ask(a_talk())
    deliveries.confirm(link_of().id, timezone.now())
    for number in range(5):
        ask(a_talk(visitor=f"{number:032}"), EMAIL)
    assert code(ask(a_talk())) == ""


def test_all_that_waits_is_released_within_the_limit_of_the_day() -> None:
    other = a_talk(visitor="b" * 32)
    ConfirmedAddress.objects.create(visitor=other.visitor, address=EMAIL, at=timezone.now())
    ask(other)
    talks = [a_talk() for _ in range(3)]
    for talk in talks:
        ask(talk)
    deliveries.confirm(link_of(0).id, timezone.now())
    assert [told_states(talk)[-1] for talk in talks] == ["failed", "queued", "queued"]


@pytest.mark.django_db(transaction=True)
def test_of_four_hundred_at_once_exactly_the_limit_passes() -> None:
    together = 400 if LONG else 60
    talks = [a_talk(visitor=f"{number:032}") for number in range(together)]
    one = a_talk(visitor="d" * 32)
    calls = [partial(ask, talk, f"{talk.id.hex}@mail.example", network="n") for talk in talks]
    calls += [partial(ask, talk, "victim@mail.example") for talk in talks[: together // 4]]
    calls += [partial(ask, one, f"other{number}@mail.example") for number in range(together // 4)]
    random.shuffle(calls)

    def run(call: Callable[[], Any]) -> str:
        try:
            return code(call())
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(run, calls))
    asked = TranscriptDelivery.objects.filter(purpose="transcript")
    assert asked.filter(network="n").count() == 5
    assert asked.filter(conversation=one).count() == 3
    assert (
        TranscriptDelivery.objects.filter(purpose="confirmation", mailbox="victim@mail.example").count() == 3
    )


@pytest.mark.timeout(300)
def test_ten_thousand_attempts_on_strangers_send_no_transcript_and_few_questions(
    sendgrid: FakeSendGrid,
) -> None:
    attempts, networks, victims = (10_000, 40, 1_000) if LONG else (600, 6, 60)
    choose = random.Random(5)  # noqa: S311
    talks = [a_talk(visitor=f"{number:032}") for number in range(30)]
    now = timezone.now()
    Message.objects.bulk_create(
        Message(conversation=talk, role="user", text=f"Spam {n}", created_at=now)
        for talk in talks
        for n in range(9)
    )
    for _ in range(attempts):
        victim = f"victim{choose.randrange(victims)}@mail.example"
        ask(choose.choice(talks), victim, network=hashed(f"198.51.100.{choose.randrange(networks)}"))
    while send_due():
        pass
    assert {mail.subject for mail in sendgrid.mails} == {"Confirm your e-mail address for Joblynk help"}
    by_recipient: dict[str, int] = {}
    for mail in sendgrid.mails:
        by_recipient[mail.to] = by_recipient.get(mail.to, 0) + 1
        assert "Spam" not in str(mail.body)
    assert max(by_recipient.values()) <= 3
    assert len(sendgrid.mails) <= min(networks * 5, len(talks) * 3)
    assert not TranscriptDelivery.objects.filter(purpose="transcript").exclude(state="waiting").exists()
    assert Conversation.objects.filter(deliveries__isnull=False).distinct().count() <= len(talks)


@pytest.mark.parametrize(
    "wrong",
    [
        "a@mail.example, v@mail.example",
        "a@mail.example;v@mail.example",
        "Anna <a@mail.example>",
        "a@mail.example\nBcc: v@mail.example",
        "a@mail.example\x00",
        "a b@mail.example",
        "a@",
        "@mail.example",
        "a@localhost\r\n",
        "",
        "a" * 300 + "@mail.example",
        '"a,b@x"@mail.example, c@mail.example',
    ],
)
def test_only_exactly_one_address_is_taken(wrong: str) -> None:
    with pytest.raises(frames.BadFrame) as caught:
        frames.one_address(wrong)
    assert "one e-mail address" in caught.value.text


def test_a_subject_is_one_line_whatever_was_typed() -> None:
    assert one_line("a\r\nBcc: v@mail.example\x00\u2028b\u202e c") == "a Bcc: v@mail.example b c"


@pytest.mark.parametrize(
    ("peer", "forwarded", "behind_proxy", "expected"),
    [
        ("203.0.113.9", "", False, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", False, "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1", True, "198.51.100.1"),
        ("127.0.0.1", "10.0.0.1, 198.51.100.1", True, "198.51.100.1"),
        ("127.0.0.1", "not an address", True, ""),
        ("2001:db8:1:2:3:4:5:6", "", False, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", False, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "", False, "203.0.113.9"),
        ("", "", False, ""),
    ],
)
def test_a_network_is_what_one_customer_has_to_himself(
    settings: Settings, peer: str, forwarded: str, behind_proxy: bool, expected: str
) -> None:
    settings.TRUSTED_PROXY_COUNT = int(behind_proxy)
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert network_of(headers, peer) == expected
    assert expected not in hashed(expected) or not expected
