"""Pictures from the upload to the reading: over HTTP and the socket, in a real database and a real child."""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient
from django.utils import timezone

from chat import attachments, transcripts, visitors
from chat.assistant.services import Seen, Turn
from chat.attachments import Attachments
from chat.desk import Desk
from chat.models import Attachment, Conversation, Message
from chat.tests.conftest import Script, Tab
from chat.transcripts import Reading
from joblynk.pictures import workshop
from joblynk.pictures.tests.drawing import animation, encoded, picture
from joblynk.pictures.types import MAX_BYTES

ME, OTHER = "a" * 32, "b" * 32
OpenTab = Callable[..., Awaitable[Tab]]
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    return tmp_path / "uploads"


@pytest.fixture(scope="module", autouse=True)
def _children() -> Any:
    yield
    workshop.shutdown()


def client(visitor: str = ME) -> AsyncClient:
    browser = AsyncClient()
    browser.cookies[visitors.COOKIE] = visitors.sign(visitor)
    return browser


async def upload(data: bytes, visitor: str = ME, name: str = "shot.png") -> tuple[int, Json]:
    file = SimpleUploadedFile(name, data)
    response = await client(visitor).post("/api/attachments/", {"file": file})
    return response.status_code, response.json()


async def uploaded(visitor: str = ME, text: str = "") -> Json:
    status, told = await upload(encoded(picture(text=text)), visitor)
    assert status == 201, told
    return told


def in_the_way(media: Path) -> None:
    media.mkdir()
    (media / attachments.INCOMING).write_text("where the folder should be")


def leave(orphan: Path, at: float) -> None:
    """A file of a process that was killed; all files are from then."""
    orphan.write_bytes(b"half a picture")
    for path in orphan.parent.iterdir():
        os.utime(path, (at, at))


def files(media: Path) -> list[str]:
    return sorted(path.name for path in media.rglob("*") if path.is_file())


# --- Taking in and serving ---------------------------------------------------------------------


async def test_a_picture_is_stored_and_served_to_its_owner_alone(desk: Desk, media: Path) -> None:
    told = await uploaded()
    assert (told["width"], told["height"], told["name"], told["notice"]) == (400, 240, "shot.png", "")
    for url in (told["url"], told["thumb_url"]):
        served = await client().get(url)
        assert served.status_code == 200
        assert served["Cache-Control"] == "private, no-store"
        assert served["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in served["Content-Security-Policy"]
        assert (await client(OTHER).get(url)).status_code == 404
        assert (await AsyncClient().get(url)).status_code == 404
    assert (await client().get(f"/api/attachments/{uuid.uuid4()}/")).status_code == 404


async def test_staff_who_may_read_conversations_see_it_and_no_other_staff(desk: Desk) -> None:
    told = await uploaded()
    for may, status in ((True, 200), (False, 404)):
        user = await User.objects.acreate(username=f"staff {may}", is_staff=True)
        if may:
            await user.user_permissions.aadd(await Permission.objects.aget(codename="view_conversation"))
        browser = AsyncClient()
        await browser.aforce_login(user)
        assert (await browser.get(told["url"])).status_code == status


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"<!doctype html><script>alert(1)</script>", 400, "isn't a picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 400, "SVG"),
        (encoded(picture())[:300], 400, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * (MAX_BYTES - 7), 413, "10 MB"),
    ],
    ids=["nothing", "html", "svg", "truncated", "10 MB and a byte"],
)
async def test_a_refusal_says_why_and_leaves_nothing(
    data: bytes, status: int, words: str, desk: Desk, media: Path
) -> None:
    got, told = await upload(data)
    assert (got, told["code"]) == (status, "bad_attachment")
    assert words in told["text"]
    assert files(media) == []
    assert not await Attachment.objects.aexists()


async def test_of_what_moves_the_first_image_is_kept_and_that_is_said(desk: Desk) -> None:
    status, told = await upload(animation(50), name="moves.gif")
    assert status == 201
    assert "first image" in told["notice"]


async def test_names_are_for_display_only(desk: Desk, media: Path) -> None:
    for name in ("../../etc/passwd.png", "a\u202egnp.exe", "x" * 5_000, "C:\\shots\\me.png"):
        status, told = await upload(encoded(picture()), name=name)
        assert status == 201
        assert len(told["name"]) <= 120
        assert not {"/", "\\", "\u202e"} & set(told["name"])
    assert all(name.removesuffix("-small.jpg").removesuffix(".png").isalnum() for name in files(media))


async def test_without_a_visit_or_a_token_nothing_is_taken(desk: Desk) -> None:
    file = SimpleUploadedFile("a.png", encoded(picture()))
    assert (await AsyncClient().post("/api/attachments/", {"file": file})).status_code == 403
    strict = AsyncClient(enforce_csrf_checks=True)
    strict.cookies[visitors.COOKIE] = visitors.sign(ME)
    file.seek(0)
    assert (await strict.post("/api/attachments/", {"file": file})).status_code == 403
    assert (await strict.delete(f"/api/attachments/{uuid.uuid4()}/")).status_code == 403


async def test_a_full_disk_is_said_and_leaves_nothing(desk: Desk, media: Path) -> None:
    in_the_way(media)
    status, told = await upload(encoded(picture()))
    assert status == 507
    assert "can't take pictures" in told["text"]
    assert files(media) == [attachments.INCOMING]
    assert not await Attachment.objects.aexists()


async def test_what_is_not_sent_can_be_taken_back_by_its_owner(desk: Desk, media: Path) -> None:
    told = await uploaded()
    assert (await client(OTHER).delete(told["url"])).status_code == 404
    assert (await client().delete(told["url"])).status_code == 204
    assert (await client().delete(told["url"])).status_code == 404
    assert files(media) == []


async def test_twelve_may_wait_and_uploads_are_limited(desk: Desk) -> None:
    now = timezone.now()
    await Attachment.objects.abulk_create(
        [Attachment(visitor=ME, width=1, height=1, size=1, created_at=now) for _ in range(12)]
    )
    status, told = await upload(encoded(picture()))
    assert (status, told["code"]) == (409, "bad_attachment")
    statuses = [(await upload(b""))[0] for _ in range(settings.CHAT_MESSAGES_PER_MINUTE + 1)]
    assert statuses[-1] == 429
    assert (await upload(b"", OTHER))[0] == 400


async def test_what_was_never_sent_is_forgotten_after_a_day(
    desk: Desk, open_tab: OpenTab, media: Path
) -> None:
    unsent, fresh = await uploaded(), await uploaded()
    long_ago = timezone.now() - timedelta(hours=25)
    await Attachment.objects.filter(id=unsent["id"]).aupdate(created_at=long_ago)
    orphan = media / "pictures" / f"{uuid.uuid4().hex}.png"
    leave(orphan, long_ago.timestamp())
    await asyncio.to_thread(attachments.forget_unsent)
    assert (await client().get(unsent["url"])).status_code == 404
    assert (await client().get(fresh["url"])).status_code == 200
    assert len(files(media)) == 2
    assert not orphan.exists()


# --- Sending -----------------------------------------------------------------------------------


async def send(tab: Tab, *ids: str, text: str = "", key: uuid.UUID | None = None) -> None:
    await tab.send("message.send", client_message_id=key or uuid.uuid4(), text=text, attachment_ids=list(ids))


async def test_a_picture_alone_is_a_message_and_is_told_with_it(
    desk: Desk, open_tab: OpenTab, script: Script
) -> None:
    tab = await open_tab(ME)
    await tab.hello()
    told = await uploaded()
    await send(tab, told["id"])
    message = (await tab.until("message.created"))["message"]
    assert [one["id"] for one in message["attachments"]] == [told["id"]]
    assert message["attachments"][0]["reading"] is None
    await tab.answer()
    assert script.turns[-1].pictures == (uuid.UUID(told["id"]),)
    assert (await client().delete(told["url"])).status_code == 404


async def test_pictures_of_others_sent_ones_too_many_and_doubles_are_refused(
    desk: Desk, open_tab: OpenTab
) -> None:
    tab = await open_tab(ME)
    await tab.hello()
    foreign, mine = await uploaded(OTHER), await uploaded()
    for ids in (
        [foreign["id"]],
        [str(uuid.uuid4())],
        [mine["id"]] * 2,
        [str(uuid.uuid4()) for _ in range(5)],
    ):
        await send(tab, *ids, text="x")
        assert (await tab.until("error"))["code"] == "bad_attachment"
    await send(tab, mine["id"])
    await tab.until("message.ack")
    await send(tab, mine["id"], text="again")
    assert (await tab.until("error"))["code"] == "bad_attachment"
    assert await Message.objects.filter(role="user").acount() == 1


async def test_the_same_frame_again_gets_the_same_ack_and_other_pictures_are_a_conflict(
    desk: Desk, open_tab: OpenTab
) -> None:
    tab = await open_tab(ME)
    await tab.hello()
    first, second = await uploaded(), await uploaded()
    key = uuid.uuid4()
    acks = []
    for _ in range(2):
        await send(tab, first["id"], text="What is this?", key=key)
        acks.append(await tab.until("message.ack"))
    assert acks[0] == acks[1]
    await send(tab, second["id"], text="What is this?", key=key)
    assert (await tab.until("error"))["code"] == "conflict"


# --- Reading -----------------------------------------------------------------------------------


class Reader:
    """Counts what it reads; `gate` lets the test choose when."""

    def __init__(self, text: str = "Error E-1042\nYour session has expired.") -> None:
        self.text = text
        self.failure = ""
        self.read: list[uuid.UUID] = []
        self.began, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def __call__(self, pictures: Any) -> list[Reading]:
        self.read += [one.id for one in pictures]
        self.began.set()
        await self.gate.wait()
        if self.failure:
            return [Reading(one.id, "offline", failure=self.failure) for one in pictures]
        return [Reading(one.id, "offline", self.text, confidence=0.9, milliseconds=7) for one in pictures]


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest_asyncio.fixture
async def reading_desk(desk: Desk, script: Script, reader: Reader) -> AsyncIterator[Desk]:
    """The scripted assistant looks at the pictures, as the real one does."""
    desk.attachments = Attachments(desk._writer, desk.live.announce, reader, now=timezone.now)
    answer = desk.turns._answer
    desk.turns._answer = lambda turn: _looking(answer, desk.attachments, turn)
    yield desk


async def _looking(answer: Any, found: Attachments, turn: Turn) -> AsyncGenerator[Any, None]:
    script_seen.append(await found.read(turn.pictures))
    async for event in answer(turn):
        yield event


script_seen: list[tuple[Seen, ...]] = []


async def test_what_was_read_is_told_and_stored_and_never_read_again(
    reading_desk: Desk, open_tab: OpenTab, reader: Reader
) -> None:
    tab = await open_tab(ME)
    await tab.hello()
    told = await uploaded()
    await send(tab, told["id"])
    updated = (await tab.until("message.updated"))["message"]
    assert updated["attachments"][0]["reading"] == {
        "text": reader.text,
        "description": "",
        "reader": "offline",
        "confidence": 0.9,
        "corrected": False,
    }
    answer = await tab.answer()
    await tab.send("answer.retry", message_id=answer["id"], client_action_id=uuid.uuid4())
    await tab.answer()
    assert len(reader.read) == 1
    later = await open_tab(ME)
    history = (await later.hello())["events"]
    shown = next(event["message"] for event in history if event["type"] == "message.created")
    assert shown["attachments"][0]["reading"]["text"] == reader.text


async def test_two_processes_read_a_picture_once_and_both_know_it(reading_desk: Desk, reader: Reader) -> None:
    told, conversation = await uploaded(), await _conversation()
    await _sent(told, conversation)
    other = Attachments(reading_desk._writer, reading_desk.live.announce, reader, now=timezone.now)
    reader.gate.clear()
    ids = [uuid.UUID(told["id"])]
    both = [asyncio.create_task(one.read(ids)) for one in (reading_desk.attachments, other)]
    await reader.began.wait()
    reader.gate.set()
    assert await asyncio.gather(*both) == [(Seen(reader.text),)] * 2
    assert len(reader.read) == 1


async def test_who_stops_waiting_does_not_stop_the_reading(reading_desk: Desk, reader: Reader) -> None:
    told, conversation = await uploaded(), await _conversation()
    await _sent(told, conversation)
    reader.gate.clear()
    waiting = asyncio.create_task(reading_desk.attachments.read([uuid.UUID(told["id"])]))
    await reader.began.wait()
    waiting.cancel()
    reader.gate.set()
    assert await reading_desk.attachments.read([uuid.UUID(told["id"])]) == (Seen(reader.text),)
    assert len(reader.read) == 1


async def test_a_correction_is_told_and_asks_again(reading_desk: Desk, open_tab: OpenTab) -> None:
    tab, stranger = await open_tab(ME), await open_tab(OTHER)
    await tab.hello()
    await stranger.hello()
    told = await uploaded()
    await send(tab, told["id"])
    answer = await tab.answer()
    frame = {"attachment_id": told["id"], "text": "E-2003", "client_action_id": uuid.uuid4()}
    await stranger.send("picture.correct", **frame)
    assert (await stranger.until("error"))["code"] == "bad_request"
    await tab.send("picture.correct", **frame)
    reading = (await tab.until("message.updated"))["message"]["attachments"][0]["reading"]
    assert (reading["text"], reading["corrected"]) == ("E-2003", True)
    assert (await tab.until("message.removed"))["id"] == answer["id"]
    await tab.answer()
    assert script_seen[-1] == (Seen("E-2003"),)
    await tab.send("picture.correct", **frame)
    await tab.nothing_more()

    await Conversation.objects.filter(visitor=ME).aupdate(status="human")
    frame |= {"text": "E-2004", "client_action_id": uuid.uuid4()}
    await tab.send("picture.correct", **frame)  # a person answers: it is told, and nobody is asked
    reading = (await tab.until("message.updated"))["message"]["attachments"][0]["reading"]
    assert reading["text"] == "E-2004"
    await tab.nothing_more()


async def test_what_nobody_could_read_is_read_again_when_the_question_is_asked_again(
    reading_desk: Desk, reader: Reader, open_tab: OpenTab
) -> None:
    tab = await open_tab(ME)
    await tab.hello()
    told = await uploaded()
    reader.failure = "timeout"
    await send(tab, told["id"])
    answer = await tab.answer()
    reader.failure = ""
    for _ in range(2):  # and what could be read is read once
        await tab.send("answer.retry", message_id=answer["id"], client_action_id=uuid.uuid4())
        answer = await tab.answer()
        assert script_seen[-1] == (Seen(reader.text),)
    assert len(reader.read) == 2


async def _conversation() -> uuid.UUID:
    view = await asyncio.to_thread(transcripts.open_conversation, ME, None, timezone.now(), "", "")
    assert view is not None
    return view.id


async def _sent(told: Json, conversation: uuid.UUID) -> None:
    message = await Message.objects.acreate(
        conversation_id=conversation, role="user", created_at=timezone.now()
    )
    await Attachment.objects.filter(id=told["id"]).aupdate(message=message)
