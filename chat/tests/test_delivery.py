"""The outbox: nothing is lost, nothing goes out twice but what is marked, and no state is false."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from chat import delivery
from chat.models import TranscriptDelivery
from chat.tests.mailing import (
    EMAIL,
    a_talk,
    ask,
    asked,
    let_time_pass,
    say,
    send_due,
    sendgrid,
    states,
    told_states,
)
from chat.transcripts import deliveries, outbox
from joblynk.testing.fake_sendgrid import ACCEPT, ACCEPT_THEN_DROP, FAILURES, FakeSendGrid, Reply

__all__ = ["sendgrid"]
pytestmark = pytest.mark.django_db


def test_a_transcript_is_queued_with_the_request_and_sent_by_the_worker(sendgrid: FakeSendGrid) -> None:
    talk = a_talk()
    row = asked(talk)
    assert (row.state, sendgrid.mails) == ("queued", [])
    assert send_due() is False
    row.refresh_from_db()
    (mail,) = sendgrid.mails
    assert (row.state, row.service_id, row.due_at, mail.to) == ("accepted", mail.id, None, EMAIL)
    assert mail.marks == {"delivery": row.id.hex, "attempt": "1"}
    assert "How do I post a job?" in mail.subject
    assert told_states(talk) == ["queued", "accepted"]


def test_asked_twice_for_the_same_it_is_sent_once_and_once_more_when_more_was_said(
    sendgrid: FakeSendGrid,
) -> None:
    talk = a_talk()
    for email in (EMAIL, EMAIL, EMAIL.upper()):
        ask(talk, email)
        send_due()
    assert len(sendgrid.mails) == 1
    say(talk, "And for a team?")
    ask(talk)
    send_due()
    assert ["And for a team?" in mail.text for mail in sendgrid.mails] == [False, True]


def test_a_transcript_ends_where_it_was_asked_for(sendgrid: FakeSendGrid) -> None:
    talk = a_talk()
    ask(talk)
    say(talk, "Said afterwards?")
    send_due()
    assert "Said afterwards?" not in sendgrid.mails[0].text


def test_an_empty_conversation_has_nothing_to_send() -> None:
    talk = a_talk()
    talk.messages.all().delete()
    refused = ask(talk)
    assert getattr(refused, "code", "") == "nothing_said"


FOR_GOOD = {"bad request", "credentials", "sender not verified", "too large"}
UNCLEAR = {"closed", "reset", "hang", "dribble", "gateway", "html with status 200"}


@pytest.mark.parametrize("name", FAILURES)
def test_after_each_failure_the_state_is_true_and_the_mail_goes_out_unless_it_was_refused(
    sendgrid: FakeSendGrid, settings: Settings, name: str
) -> None:
    settings.MAIL_SECONDS = 0.3 if name == "hang" else 30.0
    settings.MAIL_TOTAL_SECONDS = 0.5 if name == "dribble" else 30.0
    talk = a_talk()
    row = asked(talk)
    sendgrid.play(FAILURES[name], ACCEPT)
    send_due()
    row.refresh_from_db()
    if name in FOR_GOOD:
        assert (row.state, row.due_at, sendgrid.mails) == ("failed", None, [])
        assert told_states(talk) == ["queued", "failed"]
        return
    assert row.state == ("ambiguous" if name in UNCLEAR else "queued")
    assert row.ambiguous_tries == (1 if name in UNCLEAR else 0)
    assert row.due_at is not None
    assert row.due_at > timezone.now()
    let_time_pass(outbox.AMBIGUOUS_WAIT)
    settings.MAIL_SECONDS = settings.MAIL_TOTAL_SECONDS = 30.0
    send_due()
    row.refresh_from_db()
    assert (row.state, len(sendgrid.mails), row.attempts) == ("accepted", 1, 2)


def test_what_fails_for_a_day_has_failed_and_the_delays_grow(sendgrid: FakeSendGrid) -> None:
    row = asked(a_talk())
    sendgrid.play(FAILURES["server"])
    waits = []
    while row.due_at is not None:
        send_due()
        row.refresh_from_db()
        if row.due_at is not None:
            waits.append(round((row.due_at - timezone.now()).total_seconds() / 5) * 5)
            let_time_pass(row.due_at - timezone.now())
            row.refresh_from_db()
    assert row.state == "failed"
    assert waits == sorted(waits)
    assert waits[0] < 20
    assert 15 < len(waits) < 40
    assert 20 * 3_600 < sum(waits) < 24 * 3_600


def test_the_service_may_ask_for_a_longer_wait(sendgrid: FakeSendGrid) -> None:
    row = asked(a_talk())
    sendgrid.play(Reply(429, retry_after="1800"))
    send_due()
    row.refresh_from_db()
    assert row.due_at is not None
    assert (row.due_at - timezone.now()).total_seconds() > 1_700


def test_what_was_taken_before_the_line_dropped_is_counted_and_doubled_at_most_within_the_count(
    sendgrid: FakeSendGrid,
) -> None:
    row = asked(a_talk())
    sendgrid.play(ACCEPT_THEN_DROP)
    for _ in range(6):
        send_due()
        let_time_pass(timedelta(hours=1))
    row.refresh_from_db()
    assert (row.state, row.due_at) == ("ambiguous", None)
    assert len(sendgrid.mails) == row.ambiguous_tries == outbox.AMBIGUOUS_TRIES


def test_a_refusal_after_an_unclear_try_does_not_say_that_nothing_was_sent(sendgrid: FakeSendGrid) -> None:
    row = asked(a_talk())
    sendgrid.play(ACCEPT_THEN_DROP, FAILURES["credentials"])
    for _ in range(3):
        send_due()
        let_time_pass(timedelta(hours=1))
    row.refresh_from_db()
    assert (row.state, row.due_at, len(sendgrid.mails)) == ("ambiguous", None, 1)


# --- Workers that die ----------------------------------------------------------------------------


def test_a_worker_that_dies_before_it_hands_over_costs_a_delay_and_no_doubt(sendgrid: FakeSendGrid) -> None:
    row = asked(a_talk())
    job, _ = outbox.claim()
    assert job is not None
    assert outbox.claim() == (None, ())
    send_due()
    assert sendgrid.mails == []
    let_time_pass(outbox.LEASE)
    send_due()
    row.refresh_from_db()
    assert (row.state, row.ambiguous_tries, len(sendgrid.mails)) == ("accepted", 0, 1)


def test_a_worker_that_dies_while_it_hands_over_leaves_a_counted_doubt(
    sendgrid: FakeSendGrid,
) -> None:
    row = asked(a_talk())
    job, _ = outbox.claim()
    assert job is not None
    assert outbox.begin(job)
    let_time_pass(outbox.LEASE)
    send_due()
    row.refresh_from_db()
    assert (row.state, row.ambiguous_tries, sendgrid.mails) == ("ambiguous", 1, [])
    let_time_pass(outbox.AMBIGUOUS_WAIT)
    send_due()
    row.refresh_from_db()
    assert (row.state, len(sendgrid.mails)) == ("accepted", 1)


def test_a_worker_that_slept_through_its_lease_sends_nothing(sendgrid: FakeSendGrid) -> None:
    asked(a_talk())
    slow, _ = outbox.claim()
    let_time_pass(outbox.LEASE)
    quick, _ = outbox.claim()
    assert slow is not None
    assert quick is not None
    assert not outbox.begin(slow)
    assert outbox.begin(quick)


def test_an_answer_that_comes_after_the_lease_is_still_believed(sendgrid: FakeSendGrid) -> None:
    row = asked(a_talk())
    job, _ = outbox.claim()
    assert job is not None
    assert outbox.begin(job)
    let_time_pass(outbox.LEASE)
    outbox.claim()  # somebody else takes the worker for dead
    outbox.accepted(job, "id-of-the-service")
    row.refresh_from_db()
    assert (row.state, row.service_id, row.due_at) == ("accepted", "id-of-the-service", None)


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_send_each_mail_once(sendgrid: FakeSendGrid) -> None:
    sendgrid.play(Reply(seconds=0.01))
    for number in range(12):
        asked(a_talk(visitor=f"{number:032}"), f"customer{number}@mail.example")

    def work(_: int) -> None:
        send_due()
        connection.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    assert sorted(mail.to for mail in sendgrid.mails) == sorted({mail.to for mail in sendgrid.mails})
    assert (len(sendgrid.mails), set(states())) == (12, {"accepted"})


def test_a_transcript_that_cannot_be_written_down_holds_up_no_other(sendgrid: FakeSendGrid) -> None:
    broken, sound = a_talk(), a_talk(visitor="b" * 32)
    answer = say(broken, "Is there a video?")
    answer.videos.create(rank=1, video_id=1, title="A video", provider="file", score=1.0)
    first, second = asked(broken), asked(sound, "ben@mail.example")

    def no_link(video_id: int, start: float) -> str:
        raise RuntimeError("out of order")

    assert delivery.send_due(no_link) is False
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.error, second.state) == (
        "queued",
        "could not be written (RuntimeError)",
        "accepted",
    )


# --- Staff, and sites without a key --------------------------------------------------------------


def test_staff_have_a_mail_sent_once_more_but_not_one_that_is_on_its_way(
    sendgrid: FakeSendGrid,
) -> None:
    talk = a_talk()
    row = asked(talk)
    send_due()
    assert deliveries.resend([row.id, row.id])[0] == 1
    assert told_states(talk) == ["queued", "accepted", "queued"]
    send_due()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.resent_after, len(sendgrid.mails)) == ("accepted", 2, 1, 2)
    queued = asked(a_talk(visitor="b" * 32), "ben@mail.example")
    assert deliveries.resend([queued.id]) == (0, [])


def test_without_a_key_the_mail_is_a_file_and_the_state_says_so(settings: Settings, tmp_path: object) -> None:
    settings.EMAIL_BACKEND = "joblynk.providers.mail.FolderMail"
    settings.MAIL_DIR = tmp_path
    settings.TRANSCRIPT_CONFIRMATION = False
    talk = a_talk()
    row = asked(talk)
    send_due()
    row.refresh_from_db()
    assert row.state == "stored"
    assert told_states(talk) == ["queued", "stored"]
    (path,) = settings.MAIL_DIR.iterdir()
    assert row.id.hex in path.name


def test_the_registry_of_background_work_leads_to_functions() -> None:
    from django.conf import settings as configured
    from django.utils.module_loading import import_string

    assert TranscriptDelivery.objects.count() == 0
    for path in configured.BACKGROUND_WORK:
        assert import_string(path)() is False
