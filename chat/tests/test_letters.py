"""What is written on paper: everything that was shown, nothing that was not, and nothing that runs."""

import io
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import orjson
import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image
from pytest_django.fixtures import Settings

from chat import delivery
from chat.letters import mails
from chat.letters.files import render_file
from chat.letters.plain import unmarked
from chat.letters.sheet import subject
from chat.models import Attachment, Conversation, Feedback, Message
from chat.tests.mailing import EMAIL, a_talk, asked, say, send_due, sendgrid
from chat.transcripts.export import export
from joblynk.testing.fake_sendgrid import ACCEPT, FAILURES, FakeSendGrid

__all__ = ["sendgrid"]
pytestmark = pytest.mark.django_db
MARKUP = '<script>alert(1)</script><img src=x onerror="alert(2)"> & "quotes" </td></table>'
_OURS = "html head meta title style body div table tr td h1 h2 strong p img blockquote span br a sup em"
OURS = frozenset(_OURS.split())


def link(video_id: int, start: float) -> str:
    return f"https://video.example/{video_id}?t={int(start)}"


def show_picture(row: Message, name: str = "screen.png", content: bytes = b"") -> Attachment:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(buffer, "JPEG")
    picture = Attachment(
        visitor=row.conversation.visitor, message=row, name=name, width=40, height=30, size=1
    )
    picture.text, picture.created_at = "Error E-1042", timezone.now()
    picture.picture.save("a.jpg", ContentFile(buffer.getvalue()), save=False)
    picture.thumb.save("a.jpg", ContentFile(content or buffer.getvalue()), save=False)
    picture.save(force_insert=True)
    return picture


def files_of(row: Conversation) -> tuple[str, str, dict[str, object]]:
    """The conversation as HTML, text and JSON."""
    transcript = export(row.id)
    assert transcript is not None
    sheet = delivery.sheet_of(transcript, link)
    at = datetime(2026, 11, 22, tzinfo=UTC)
    found = [
        render_file(form, transcript, sheet, delivery.thumbs(sheet), at) for form in ("html", "txt", "json")
    ]
    return found[0].decode(), found[1].decode(), orjson.loads(found[2])


class Tags(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


def test_a_transcript_tells_who_said_what_when_with_sources_videos_and_pictures(
    settings: Settings, tmp_path: object
) -> None:
    settings.MEDIA_ROOT = tmp_path
    talk = a_talk(time_zone="Asia/Kolkata")
    question, answer = talk.messages.order_by("created_at")
    at = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)  # the next day in Kolkata
    for row, shift in ((question, 0), (answer, 1)):
        Message.objects.filter(id=row.id).update(created_at=at + timedelta(minutes=shift))
    answer.videos.create(
        rank=1, video_id=7, title="Post a job", chapter="The form", start=65.4, provider="file", score=0.9
    )
    show_picture(question)
    html, text, data = files_of(talk)
    for words in (
        "Monday 23 November 2026",
        "Times are Asia/Kolkata (UTC+5:30).",
        "01:30",
        "How do I post a job?",
        "[1] Posting a job",
        "First steps, p. 3, read from a scan, as of",
        "Open Jobs and press New.",
        "https://video.example/7?t=65",
        "from 1:05, “The form”",
        "screen.png",
        "Error E-1042",
    ):
        assert words in html
        assert words in text
    assert "data:image/jpeg;base64," in html
    assert re.search(r"01:30 +You\nHow do I post a job\?", text)
    assert "01:31  Assistant\nOpen Jobs and press New [1]." in text
    assert max(map(len, text.splitlines())) <= 72
    assert str(data).count("screen.png") == 1


def test_what_is_not_the_customers_stays_out() -> None:
    talk = a_talk()
    answer = say(talk, "Second?")
    now = timezone.now()
    Message.objects.create(conversation=talk, role="assistant", text="GONE", removed=True, created_at=now)
    Message.objects.create(conversation=talk, role="assistant", text="PENDING", pending=True, created_at=now)
    Message.objects.create(conversation=talk, role="note", text="BETWEEN STAFF", created_at=now)
    answer.sources.create(rank=2, kind="document", title="NOT CITED", quote="NOT CITED", score=0.123)
    Message.objects.filter(id=answer.id).update(
        model="SOME-MODEL", confidence=0.4567, search_query="REWRITTEN"
    )
    Feedback.objects.create(message=answer, value=-1, comment="BAD", at=now)
    hidden = ("GONE", "PENDING", "STAFF", "NOT CITED", "SOME-MODEL", "4567", "REWRITTEN", "BAD", talk.visitor)
    for page in map(str, files_of(talk)):
        assert not [words for words in hidden if words in page]


def test_markup_in_every_field_is_text(settings: Settings, tmp_path: object) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.SITE_NAME, settings.SITE_URL = f"Help {MARKUP}", "https://help.joblynk.example"
    talk = a_talk(question=MARKUP, time_zone=MARKUP[:60])
    answer = say(talk, MARKUP, MARKUP)
    now = timezone.now()
    Message.objects.create(conversation=talk, role="staff", author=MARKUP, text=MARKUP, created_at=now)
    Message.objects.create(conversation=talk, role="system", text=MARKUP, created_at=now)
    Message.objects.filter(id=answer.id).update(notice=MARKUP, html=f"<p>x</p>{MARKUP}")
    answer.sources.create(
        rank=2,
        number=2,
        kind="web",
        title=MARKUP,
        heading=MARKUP,
        quote=MARKUP,
        url="javascript:alert(3)",
        date="<b>",
    )
    answer.videos.create(rank=1, video_id=1, title=MARKUP, chapter=MARKUP, provider="file", score=1)
    show_picture(answer, name=MARKUP)
    html, text, _ = files_of(talk)
    tags = Tags(html).found
    assert {tag for tag, _ in tags} <= OURS
    for tag, attributes in tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "https://").startswith("https://"), tag
        assert (attributes.get("src") or "data:image/jpeg").startswith("data:image/jpeg")
    assert "javascript:" not in text
    assert "<script>alert(1)</script>" in text  # as it was typed


def test_a_subject_names_the_first_question_in_one_line() -> None:
    talk = a_talk(question="How\r\nBcc: victim@mail.example\x1b do I " + "post " * 60)
    transcript = export(talk.id)
    assert transcript is not None
    title = subject(delivery.sheet_of(transcript, link))
    assert title.startswith("Joblynk help: “How Bcc: victim@mail.example do I post")
    assert title.isprintable()
    assert len(title) < 120


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "a" * 64])
def test_an_unknown_time_zone_is_the_sites(zone: str) -> None:
    assert "Times are UTC (UTC)." in files_of(a_talk(time_zone=zone))[1]


def test_an_answer_that_failed_says_so() -> None:
    talk = a_talk()
    Message.objects.filter(conversation=talk, role="assistant").update(
        text="", html="", finish="error", error_code="model_timeout"
    )
    assert "That took too long. Try again?" in files_of(talk)[1]


def test_pictures_travel_in_the_mail_and_are_left_out_when_it_would_be_too_large(
    settings: Settings, tmp_path: object, sendgrid: FakeSendGrid
) -> None:
    settings.MEDIA_ROOT = tmp_path
    talk = a_talk()
    question = talk.messages.order_by("created_at")[0]
    show_picture(question)
    asked(talk)
    send_due()
    (part,) = sendgrid.mails[0].body["attachments"]
    assert (part["disposition"], part["type"]) == ("inline", "image/jpeg")
    assert f"cid:{part['content_id']}" in sendgrid.mails[0].html
    Attachment.objects.all().delete()
    for number in range(3):
        show_picture(question, f"large{number}.png", b"\xff" * (mails.LARGEST // 4))
    asked(talk, "ben@mail.example")
    send_due()
    large = sendgrid.mails[1]
    assert "attachments" not in large.body
    for words in ("The pictures would have made this mail too large", "large2.png"):
        assert words in large.html
    assert "too large; only their names are in it" in large.text.replace("\n", " ")


def test_a_mail_that_the_service_finds_too_large_goes_without_its_pictures(
    settings: Settings, tmp_path: object, sendgrid: FakeSendGrid
) -> None:
    settings.MEDIA_ROOT = tmp_path
    talk = a_talk()
    show_picture(talk.messages.order_by("created_at")[0])
    row = asked(talk)
    sendgrid.play(FAILURES["too large"], ACCEPT)
    send_due()
    row.refresh_from_db()
    assert (row.state, row.attempts, len(sendgrid.mails)) == ("accepted", 1, 1)
    assert "attachments" not in sendgrid.mails[0].body


def test_a_picture_whose_file_is_gone_is_named(settings: Settings, tmp_path: object) -> None:
    settings.MEDIA_ROOT = tmp_path
    talk = a_talk()
    picture = show_picture(talk.messages.order_by("created_at")[0])
    picture.thumb.storage.delete(picture.thumb.name)
    assert "[Picture: screen.png]" in files_of(talk)[0]


def test_the_footer_says_who_sent_it_and_where_answers_go(settings: Settings, sendgrid: FakeSendGrid) -> None:
    settings.MAIL_REPLY_TO = "team@joblynk.example"
    asked(a_talk())
    send_due()
    (mail,) = sendgrid.mails
    assert "Joblynk help sent you this mail because this address was given" in mail.text.replace("\n", " ")
    assert "Answers to this mail reach our team." in mail.html
    assert mail.body["reply_to"] == {"email": "team@joblynk.example"}
    assert (mail.body["from"]["email"], mail.to) == ("help@joblynk.example", EMAIL)


def test_plain_text_holds_the_words_of_an_answer_and_none_of_its_signs() -> None:
    answer = (
        "## Pay\n**Cause:** see *Billing > Plans* and `E-1` [1]\n\n- one_two, 2 * 3 * 4\n- [terms](https://a.example/terms)\n\n"
        "| Plan | Price |\n|---|---|\n| **Team** | 9 |\n\nhttps://b.example/a_b_c"
    )
    assert unmarked(answer) == (
        "Pay\nCause: see Billing > Plans and E-1 [1]\n\n- one_two, 2 * 3 * 4\n- terms (https://a.example/terms)\n\n"
        "| Plan | Price |\n| Team | 9 |\n\nhttps://b.example/a_b_c"
    )
