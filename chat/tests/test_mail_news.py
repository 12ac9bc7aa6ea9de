"""What the mail service tells: signed or refused; in any order, twice or garbled, and never a false state."""

import itertools
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import AsyncClient
from pytest_django.fixtures import Settings

from chat.desk import Desk
from chat.models import DeliveryEvent, TranscriptDelivery
from chat.tests.mailing import a_talk, asked, let_time_pass, send_due, sendgrid, told_states
from chat.transcripts import deliveries, mail_news, outbox
from chat.transcripts.mail_news import News
from joblynk.testing.fake_sendgrid import ACCEPT_THEN_DROP, FakeSendGrid

__all__ = ["sendgrid"]
ADDRESS = "/webhooks/sendgrid/"


def news(row: TranscriptDelivery, kind: str, second: int, attempt: int = 1, event_id: str = "") -> News:
    at = datetime.fromtimestamp(1_800_000_000 + second, UTC)
    return News(event_id or f"{kind}{second}", row.id, attempt, kind, at, f"because of {kind}")


STORIES: list[tuple[str, list[tuple[str, int]]]] = [
    ("delivered", [("processed", 0), ("deferred", 1), ("delivered", 2)]),
    ("delivered", [("processed", 0), ("delivered", 0)]),  # within one second
    ("bounced", [("processed", 0), ("delivered", 1), ("bounce", 9)]),
    ("bounced", [("processed", 0), ("deferred", 1), ("bounce", 2)]),
    ("dropped", [("dropped", 0)]),
    ("accepted", [("processed", 0), ("deferred", 5)]),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("expected", "story"), STORIES, ids=[name for name, _ in STORIES])
def test_the_order_in_which_events_come_does_not_matter(
    sendgrid: FakeSendGrid, expected: str, story: list[tuple[str, int]]
) -> None:
    for order in itertools.permutations(story):
        talk = a_talk()
        row = asked(talk, f"anna{talk.id.hex}@mail.example")
        send_due()
        for kind, second in order:
            one = news(row, kind, second, event_id=f"{row.id.hex}{kind}{second}")
            mail_news.note([one])
            mail_news.note([one])
        row.refresh_from_db()
        assert row.state == expected, order
        assert told_states(talk)[:2] == ["queued", "accepted"]
        assert told_states(talk)[-1] == expected
        assert row.events.count() == len(story)


@pytest.mark.django_db
def test_news_that_comes_before_the_worker_has_written_down_the_answer_stays(sendgrid: FakeSendGrid) -> None:
    row = asked(a_talk())
    job, _ = outbox.claim()
    assert job is not None
    assert outbox.begin(job)
    mail_news.note([news(row, "delivered", 1)])
    outbox.accepted(job, "id-of-the-service")
    row.refresh_from_db()
    assert (row.state, row.service_id) == ("delivered", "id-of-the-service")


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "state"), [("processed", "accepted"), ("delivered", "delivered")])
def test_news_ends_a_doubt_and_nothing_is_sent_again(sendgrid: FakeSendGrid, kind: str, state: str) -> None:
    row = asked(a_talk())
    sendgrid.play(ACCEPT_THEN_DROP)
    send_due()
    mail_news.note([news(row, kind, 1)])
    let_time_pass(outbox.AMBIGUOUS_WAIT * 2)
    send_due()
    row.refresh_from_db()
    assert (row.state, len(sendgrid.mails)) == (state, 1)


@pytest.mark.django_db
def test_news_of_a_mail_that_was_sent_again_or_never_sent_changes_nothing(sendgrid: FakeSendGrid) -> None:
    row = asked(a_talk())
    mail_news.note([news(row, "delivered", 1)])  # nobody has sent anything yet
    send_due()
    deliveries.resend([row.id])
    mail_news.note([news(row, "bounce", 2)])
    row.refresh_from_db()
    assert row.state == "queued"
    send_due()
    mail_news.note([news(row, "delivered", 3, attempt=2)])
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("delivered", 2)


@pytest.mark.django_db
def test_a_confirmation_that_bounces_is_told_to_who_waits_for_it(
    sendgrid: FakeSendGrid, settings: Settings
) -> None:
    settings.TRANSCRIPT_CONFIRMATION = True
    talk = a_talk()
    asked(talk)
    send_due()
    confirmation = TranscriptDelivery.objects.get(purpose="confirmation")
    mail_news.note([news(confirmation, "bounce", 1)])
    assert told_states(talk) == ["waiting", "bounced"]


# --- Over HTTP -----------------------------------------------------------------------------------


async def tell(client: AsyncClient, body: bytes, headers: dict[str, str]) -> int:
    response = await client.post(ADDRESS, body, content_type="application/json", headers=headers)
    return response.status_code


@pytest.fixture
def sent(transactional_db: None, sendgrid: FakeSendGrid) -> TranscriptDelivery:
    row = asked(a_talk())
    send_due()
    return row


async def test_signed_news_is_taken_once_however_often_it_is_told(
    sent: TranscriptDelivery, sendgrid: FakeSendGrid, desk: Desk, async_client: AsyncClient
) -> None:
    (mail,) = sendgrid.mails
    events = [mail.event("delivered"), mail.event("open"), mail.event("processed"), {"event": "delivered"}]
    for _ in range(3):
        assert await tell(async_client, *sendgrid.signed(events)) == 204
    assert await tell(async_client, *sendgrid.signed(list(reversed(events)))) == 204
    await sent.arefresh_from_db()
    assert sent.state == "delivered"
    assert await DeliveryEvent.objects.acount() == 2


async def test_what_is_not_signed_news_is_refused_and_never_an_error(
    sent: TranscriptDelivery, sendgrid: FakeSendGrid, desk: Desk, async_client: AsyncClient
) -> None:
    (mail,) = sendgrid.mails
    body, headers = sendgrid.signed([mail.event("bounce")])
    signature, timestamp = headers
    told: list[tuple[int, bytes, dict[str, str]]] = [
        (400, body, {}),
        (400, body, {signature: headers[signature]}),
        (400, body, {timestamp: headers[timestamp]}),
        (400, body, {**headers, timestamp: "now"}),
        (400, body, {**headers, timestamp: "1" * 400}),
        (403, body, {**headers, timestamp: str(int(time.time()) - 1)}),
        (403, body, {**headers, signature: "none"}),
        (403, body[:-1], headers),
        (400, *sendgrid.signed(b"{broken")),
        (400, *sendgrid.signed(b'{"event":"bounce"}')),
        (400, *sendgrid.signed(b"\xff")),
        (400, *sendgrid.signed([mail.event("bounce")], at=time.time() - 3 * 86_400)),
        (400, *sendgrid.signed([mail.event("bounce")], at=time.time() + 3_600)),
        (413, *sendgrid.signed(b"[" + b" " * 1_100_000 + b"]")),
        (413, *sendgrid.signed(b"[" + b" " * 3_000_000 + b"]")),
    ]
    for expected, raw, given in told:
        assert await tell(async_client, raw, given) == expected, given
    await sent.arefresh_from_db()
    assert sent.state == "accepted"


WRONG: dict[str, list[Any]] = {
    "event": [None, 1, [], {}, "click", "spamreport"],
    "sg_event_id": [None, "", 5, "x" * 500, "nul\x00", "ü"],
    "timestamp": [None, "soon", 10**30, []],
    "attempt": [None, "one", 0, -1, 7, 10**30, []],
    "delivery": [None, 7, "none", [], "0" * 32],
}


async def test_garbled_events_are_let_go(
    sent: TranscriptDelivery, sendgrid: FakeSendGrid, desk: Desk, async_client: AsyncClient
) -> None:
    (mail,) = sendgrid.mails
    sound: Any = mail.event("bounce")
    garbled: list[Any] = [None, 1, [], "bounce", {}]
    for name, values in WRONG.items():
        garbled += [{**sound, name: value} for value in values]
    assert await tell(async_client, *sendgrid.signed(json.dumps(garbled).encode())) == 204
    assert await DeliveryEvent.objects.acount() == 0
    strange = {**sound, "reason": ["\x00", {"a": "b" * 900}]}
    assert await tell(async_client, *sendgrid.signed([strange])) == 204
    await sent.arefresh_from_db()
    assert sent.state == "bounced"


async def test_without_its_key_there_is_no_webhook(
    sendgrid: FakeSendGrid, settings: Settings, async_client: AsyncClient
) -> None:
    settings.SENDGRID_WEBHOOK_VERIFICATION_KEY = ""
    assert await tell(async_client, *sendgrid.signed([])) == 404
