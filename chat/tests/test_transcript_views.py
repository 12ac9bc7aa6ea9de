"""Transcripts by HTTP: downloads for their owner alone, and a link that confirms nothing by itself."""

import uuid
from collections.abc import Awaitable, Callable

import pytest
from django.test import AsyncClient, Client
from pytest_django.fixtures import Settings

from chat import delivery, visitors
from chat.desk import Desk
from chat.models import Conversation, TranscriptDelivery
from chat.tests.conftest import Tab
from chat.tests.mailing import EMAIL, VISITOR, a_talk, ask, send_due, sendgrid
from joblynk import executors

__all__ = ["sendgrid"]
pytestmark = pytest.mark.django_db(transaction=True)
OpenTab = Callable[..., Awaitable[Tab]]


@pytest.fixture
def talk() -> Conversation:
    return a_talk()


@pytest.fixture
def owner() -> AsyncClient:
    client = AsyncClient()
    client.cookies[visitors.COOKIE] = visitors.sign(VISITOR)
    return client


@pytest.mark.parametrize(
    ("form", "kind"), [("html", "text/html"), ("txt", "text/plain"), ("json", "application/json")]
)
async def test_the_owner_downloads_the_conversation(
    talk: Conversation, owner: AsyncClient, form: str, kind: str
) -> None:
    response = await owner.get(f"/api/transcript/{talk.id}.{form}")
    assert response.status_code == 200
    assert response["Content-Type"].startswith(kind)
    assert response["Content-Disposition"].startswith("attachment; filename=")
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "script-src" not in response["Content-Security-Policy"]
    assert b"How do I post a job?" in response.content
    assert b"<script" not in response.content


async def test_to_anybody_else_there_is_no_such_conversation(talk: Conversation) -> None:
    other, nobody, forger = AsyncClient(), AsyncClient(), AsyncClient()
    other.cookies[visitors.COOKIE] = visitors.sign("b" * 32)
    forger.cookies[visitors.COOKIE] = VISITOR
    for client in (other, nobody, forger):
        for form in ("html", "txt", "json"):
            response = await client.get(f"/api/transcript/{talk.id}.{form}")
            assert (response.status_code, b"post a job" in response.content) == (404, False)
    assert (await other.get(f"/api/transcript/{uuid.uuid4()}.txt")).status_code == 404
    assert (await other.get(f"/api/transcript/{talk.id}.exe")).status_code == 404


async def test_a_link_that_is_followed_asks_and_its_button_confirms(
    talk: Conversation, settings: Settings, desk: Desk, open_tab: OpenTab, async_client: AsyncClient
) -> None:
    tab = await open_tab()
    await tab.hello(conversation=str(talk.id))
    await tab.send("transcript.email", email=EMAIL, client_action_id=uuid.uuid4())
    told = await tab.until("transcript.status")
    assert (told["state"], told["email"]) == ("waiting", "a…@mail.example")
    question = await TranscriptDelivery.objects.aget(purpose="confirmation")
    link = delivery.confirmation_link(question.id).removeprefix(settings.SITE_URL)
    for _ in range(3):  # by programs that look into mails
        page = await async_client.get(link)
        assert page.status_code == 200
        assert b"a\xe2\x80\xa6@mail.example" in page.content
        assert b"post a job" not in page.content
    assert (await TranscriptDelivery.objects.aget(purpose="transcript")).state == "waiting"
    assert b"Thank you" in (await async_client.post(link)).content
    assert (await tab.until("transcript.status"))["state"] == "queued"
    assert (await async_client.post(link)).status_code == 200
    await tab.nothing_more()


def test_the_button_wants_its_token(talk: Conversation) -> None:
    ask(talk)
    question = TranscriptDelivery.objects.get(purpose="confirmation")
    link = delivery.confirmation_link(question.id).partition("/transcript/")[2]
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"/transcript/{link}").status_code == 403
    page = client.get(f"/transcript/{link}")
    token = page.cookies["csrftoken"].value
    assert client.post(f"/transcript/{link}", {"csrfmiddlewaretoken": token}).status_code == 200


@pytest.mark.parametrize("token", ["none", "0" * 32, f"{'0' * 32}:forged", "a:b:c", "%00", "x" * 3_000])
async def test_a_link_that_nobody_gave_out_leads_nowhere(async_client: AsyncClient, token: str) -> None:
    for response in (
        await async_client.get(f"/transcript/confirm/{token}/"),
        await async_client.post(f"/transcript/confirm/{token}/"),
    ):
        assert response.status_code == 404
        assert b"no longer works" in response.content


async def test_a_transcript_is_asked_for_over_the_socket_and_refused_in_words(
    talk: Conversation, desk: Desk, open_tab: OpenTab
) -> None:
    tab = await open_tab()
    await tab.hello(conversation=str(talk.id))
    await tab.send("transcript.email", email="a@mail.example, b@mail.example", client_action_id=uuid.uuid4())
    assert "one e-mail address" in (await tab.until("error"))["text"]
    for number in range(4):
        await tab.send("transcript.email", email=f"a{number}@mail.example", client_action_id=uuid.uuid4())
    assert "as many transcripts as we send" in (await tab.until("error"))["text"]
    assert [frame["state"] for frame in tab.frames if frame["type"] == "transcript.status"] == ["waiting"] * 3


async def test_what_a_worker_writes_down_reaches_the_open_page(
    talk: Conversation, desk: Desk, open_tab: OpenTab, sendgrid: object
) -> None:
    tab = await open_tab()
    await tab.hello(conversation=str(talk.id))
    await tab.send("transcript.email", email=EMAIL, client_action_id=uuid.uuid4())
    await tab.until("transcript.status", state="queued")
    await desk.live.pulse()
    await executors.database(send_due)
    await desk.live.pulse()
    await tab.until("transcript.status", state="accepted")
