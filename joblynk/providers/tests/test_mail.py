"""Mails to SendGrid, and into a folder where there is no key."""

import email
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.mail import get_connection
from pytest_django.fixtures import Settings

from joblynk.checks import TAG
from joblynk.providers.mail import MailError, OutgoingMail, forget_files
from joblynk.providers.sendgrid_mail import is_signed, webhook_key
from joblynk.testing.fake_sendgrid import ACCEPT, ACCEPT_THEN_DROP, FAILURES, FakeSendGrid, Reply

SENDGRID = "joblynk.providers.sendgrid_mail.SendGridMail"
FOLDER = "joblynk.providers.mail.FolderMail"


@pytest.fixture
def sendgrid(settings: Settings) -> Iterator[FakeSendGrid]:
    with FakeSendGrid() as server:
        settings.SENDGRID_API_KEY, settings.SENDGRID_HOST_URL = "SG.none", server.base_url
        settings.MAIL_SECONDS = 30.0
        yield server


def a_mail() -> OutgoingMail:
    mail = OutgoingMail(
        "Hello", "Text.", "Help <help@joblynk.example>", ["anna@mail.example"], custom_args={"delivery": "d1"}
    )
    mail.attach_alternative("<p>Text.</p>", "text/html")
    return mail


def send(mail: OutgoingMail, backend: str = SENDGRID) -> None:
    get_connection(backend).send_messages([mail])


def test_a_mail_is_taken_with_its_marks_and_without_tracking(sendgrid: FakeSendGrid) -> None:
    mail = a_mail()
    send(mail)
    (taken,) = sendgrid.mails
    assert (taken.to, taken.subject, taken.text, taken.html) == (
        "anna@mail.example",
        "Hello",
        "Text.",
        "<p>Text.</p>",
    )
    assert taken.marks == {"delivery": "d1"}
    assert taken.id == mail.service_id
    assert taken.body["mail_settings"]["sandbox_mode"]["enable"] is False
    assert sendgrid.complaints == []


@pytest.mark.parametrize(
    ("name", "code", "retryable", "maybe_sent"),
    [
        ("bad request", "rejected", False, False),
        ("credentials", "credentials", False, False),
        ("sender not verified", "credentials", False, False),
        ("too large", "too_large", False, False),
        ("rate", "rate_limited", True, False),
        ("server", "unavailable", True, False),
        ("unavailable", "unavailable", True, False),
        ("gateway", "unavailable", True, True),
        ("closed", "unreachable", True, True),
        ("reset", "unreachable", True, True),
        ("hang", "timeout", True, True),
        ("dribble", "timeout", True, True),
        ("html with status 200", "bad_answer", True, True),
    ],
)
def test_each_failure_is_one_kind_of_error(
    sendgrid: FakeSendGrid, settings: Settings, name: str, code: str, retryable: bool, maybe_sent: bool
) -> None:
    settings.MAIL_SECONDS = 0.3 if name == "hang" else 30.0
    settings.MAIL_TOTAL_SECONDS = 0.5 if name == "dribble" else 30.0
    sendgrid.play(FAILURES[name])
    with pytest.raises(MailError) as caught:
        send(a_mail())
    error = caught.value
    assert (error.code, error.retryable, error.maybe_sent) == (code, retryable, maybe_sent)
    assert "anna" not in str(error)
    assert "SG.none" not in str(error)


def test_what_the_service_asks_to_wait_is_kept_and_what_it_takes_and_drops_is_unclear(
    sendgrid: FakeSendGrid,
) -> None:
    sendgrid.play(FAILURES["rate"], Reply(429, retry_after="999999"), ACCEPT_THEN_DROP, ACCEPT)
    waits = []
    for _ in range(2):
        with pytest.raises(MailError) as caught:
            send(a_mail())
        waits.append(caught.value.retry_after)
    assert waits == [1.0, 3_600.0]
    with pytest.raises(MailError) as caught:
        send(a_mail())
    assert caught.value.maybe_sent
    assert len(sendgrid.mails) == 1


def test_nobody_to_connect_to_means_that_nothing_was_sent(settings: Settings) -> None:
    with FakeSendGrid() as server:
        settings.SENDGRID_API_KEY, settings.SENDGRID_HOST_URL = "SG.none", server.base_url
    with pytest.raises(MailError) as caught:
        send(a_mail())
    assert (caught.value.code, caught.value.maybe_sent) == ("unreachable", False)


def test_the_sandbox_takes_a_mail_without_sending_it(sendgrid: FakeSendGrid, settings: Settings) -> None:
    settings.SENDGRID_SANDBOX_MODE = True
    sendgrid.play(Reply(200))
    with pytest.warns(UserWarning, match="sandbox"):
        send(a_mail())
    assert sendgrid.requests[0].json["mail_settings"]["sandbox_mode"]["enable"] is True


def test_without_a_key_a_mail_is_a_file_for_this_user_alone_and_can_be_forgotten(
    settings: Settings, tmp_path: Path
) -> None:
    settings.MAIL_DIR = tmp_path / "mail"
    send(a_mail(), FOLDER)
    (path,) = settings.MAIL_DIR.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert email.message_from_bytes(path.read_bytes())["To"] == "anna@mail.example"
    assert forget_files("other") == 0
    assert forget_files("d1") == 1
    assert list(settings.MAIL_DIR.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_tried_again(settings: Settings, tmp_path: Path) -> None:
    settings.MAIL_DIR = tmp_path / "file" / "mail"
    (tmp_path / "file").touch()
    with pytest.raises(MailError) as caught:
        send(a_mail(), FOLDER)
    assert (caught.value.retryable, caught.value.maybe_sent) == (True, False)


def test_only_the_bytes_that_were_signed_are_signed() -> None:
    with FakeSendGrid() as server:
        key = webhook_key(server.public_key)
        body, headers = server.signed([{"event": "delivered"}], at=1_700_000_000)
    signature, timestamp = headers.values()
    assert key is not None
    assert is_signed(key, body, signature, timestamp)
    assert not is_signed(key, body + b" ", signature, timestamp)
    assert not is_signed(key, body, signature, "1700000001")
    for forged in ("", "none", "AAAA", signature[:-4], "\udcff"):
        assert not is_signed(key, body, forged, timestamp)


@pytest.mark.parametrize(
    ("expected", "wrong"),
    [
        ("joblynk.E030", {"DEFAULT_FROM_EMAIL": "a@mail.example, b@mail.example"}),
        ("joblynk.E030", {"MAIL_REPLY_TO": "nobody"}),
        ("joblynk.E030", {"DEFAULT_FROM_EMAIL": "Help\n <help@mail.example>"}),
        ("joblynk.E031", {"SENDGRID_API_KEY": "SG.none"}),
        ("joblynk.E032", {"SENDGRID_HOST_URL": "api.sendgrid.com"}),
        ("joblynk.E032", {"SITE_URL": "help.example.com"}),
        ("joblynk.E033", {"SENDGRID_WEBHOOK_VERIFICATION_KEY": "none"}),
    ],
)
def test_a_wrong_setting_is_an_error_with_a_remedy(
    expected: str, wrong: dict[str, str], settings: Settings
) -> None:
    for name, value in wrong.items():
        setattr(settings, name, value)
    (found,) = run_checks(tags=[TAG])
    assert found.id == expected
    assert found.hint
