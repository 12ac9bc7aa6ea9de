"""Videos from the answer to the database and back, and what customers do with them."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from django.test import AsyncClient

from chat import visitors, wiring
from chat.assistant.events import Answered, AnswerEvent, Delta, Videos
from chat.assistant.services import Turn
from chat.models import ShownVideo
from chat.tests.conftest import Frame, Tab
from chat.tests.test_showing import Suggestion
from joblynk import executors
from videos import catalogue
from videos.models import Video

pytestmark = pytest.mark.django_db(transaction=True)


class Shows:
    """Answers every question with the same two videos."""

    def __init__(self) -> None:
        self.videos: tuple[Suggestion, ...] = ()
        self.turns: list[Turn] = []

    async def __call__(self, turn: Turn) -> AsyncGenerator[AnswerEvent, None]:
        self.turns.append(turn)
        yield Delta("Here is how.")
        yield Videos(tuple(video for video in self.videos if video.video_id not in turn.shown_videos))
        yield Answered("stop", "llm", "Here is how.")


@pytest.fixture
def shows() -> Shows:
    return Shows()


@pytest_asyncio.fixture
async def tab(transactional_db: None, shows: Shows) -> AsyncIterator[Tab]:
    def store() -> list[int]:
        rows = [Video(title=f"Film {n}", provider="youtube", external_id=f"dQw4w9WgXc{n}") for n in "12"]
        return [catalogue.save(row).pk for row in rows]

    shows.videos = tuple(Suggestion(pk) for pk in await executors.database(store))
    desk = wiring.build(shows)
    wiring.seat(desk)
    await desk.start()
    tab = await Tab("a" * 32).connect()
    yield tab
    await tab.close()
    await wiring.close_desk()
    executors.shutdown()


Ask = Callable[[str], Awaitable[Frame]]


@pytest.fixture
def ask(tab: Tab) -> Ask:
    async def ask(text: str) -> Frame:
        await tab.ask(text)
        return await tab.answer()

    return ask


async def counted(pk: int) -> tuple[int, int, int, int]:
    row: Any = await executors.database(catalogue.video, pk)
    return row.shown, row.played, row.helped, row.not_helped


async def watched(pk: int) -> ShownVideo:
    return await ShownVideo.objects.aget(video_id=pk)


async def settled(tab: Tab) -> None:
    """What was sent before has been done with."""
    await tab.send("ping", t=1)
    await tab.until("pong")


async def test_an_answer_carries_its_videos_and_shows_none_of_them_again(
    tab: Tab, shows: Shows, ask: Ask
) -> None:
    await tab.hello()
    first, second = (await ask("How?"))["videos"]
    assert first == {
        "id": shows.videos[0].video_id,
        "title": "Plans in two minutes",
        "description": "Which plan suits you.",
        "duration": 120.0,
        "start": 15.0,
        "chapter": "Prices",
        "poster": "/videos/posters/1.webp",
        "provider": "file",
        "available": True,
        "helped": 0,
    }
    assert (await ask("And how?"))["videos"] == []
    assert shows.turns[-1].shown_videos == {first["id"], second["id"]}
    row = await watched(first["id"])
    assert (row.rank, row.score, row.matched) == (1, 0.9, "chapter")
    await settled(tab)
    assert (await counted(first["id"]))[0] == 1


async def test_another_conversation_may_show_them_again(tab: Tab, ask: Ask) -> None:
    await tab.hello()
    assert len((await ask("How?"))["videos"]) == 2
    await tab.send("conversation.new", client_action_id=uuid.uuid4())
    await tab.until("welcome")
    assert len((await ask("How?"))["videos"]) == 2


async def test_a_video_that_is_gone_is_said_to_be_gone(tab: Tab, ask: Ask, async_client: AsyncClient) -> None:
    conversation = (await tab.hello())["conversation"]
    first, second = (await ask("How?"))["videos"]
    await executors.database(catalogue.remove, [first["id"]])
    await executors.database(catalogue.set_published, [second["id"]], False)
    await tab.send("hello", last_seq=0, conversation=conversation)
    answers = [e["message"] for e in (await tab.until("welcome"))["events"] if "message" in e]
    assert [video["available"] for video in answers[-1]["videos"]] == [False, False]
    async_client.cookies[visitors.COOKIE] = visitors.sign("a" * 32)
    history = (await async_client.get("/api/conversation/", {"id": conversation})).json()
    assert [video["available"] for video in history["messages"][-1]["videos"]] == [False, False]


async def test_what_a_customer_does_is_stored_once(tab: Tab, ask: Ask) -> None:
    await tab.hello()
    message = await ask("How?")
    pk = message["videos"][0]["id"]

    async def note(event: str, at: float | None = None) -> None:
        await tab.send("video.event", message_id=message["id"], video_id=pk, event=event, at=at)

    for event, at in [("opened", 15.0), ("half", 60.0), ("quarter", 30.0), ("opened", 15.0)]:
        await note(event, at)
    await settled(tab)
    row = await watched(pk)
    assert (row.watched, row.left_at, row.helped) == (50, 15.0, 0)
    assert row.opened_at is not None
    assert (await counted(pk))[1] == 1
    await note("ended", 120.0)
    await note("not_helped")
    await note("helped")
    await note("helped")
    await tab.until("message.updated")
    updated = (await tab.until("message.updated"))["message"]
    assert updated["videos"][0]["helped"] == 1
    assert updated["html"] == message["html"]
    await settled(tab)
    assert (await watched(pk)).watched == 100
    assert (await counted(pk))[2:] == (1, 0)
    assert [event["type"] for event in tab.durable()].count("message.updated") == 2


async def test_only_a_video_of_one_s_own_conversation_can_be_told_of(tab: Tab, ask: Ask) -> None:
    await tab.hello()
    message = await ask("How?")
    pk = message["videos"][0]["id"]
    stranger = await Tab("b" * 32).connect()
    await stranger.hello()
    await stranger.send("video.event", message_id=message["id"], video_id=pk, event="helped")
    assert (await stranger.until("error"))["code"] == "bad_request"
    for wrong in (
        {"message_id": uuid.uuid4(), "video_id": pk, "event": "opened"},
        {"message_id": message["id"], "video_id": pk + 100, "event": "opened"},
        {"message_id": message["id"], "video_id": pk, "event": "liked"},
        {"message_id": message["id"], "video_id": str(pk), "event": "opened"},
    ):
        await tab.send("video.event", **wrong)
        assert (await tab.until("error"))["code"] == "bad_request"
    assert (await watched(pk)).opened_at is None
    await stranger.close()


async def test_a_second_that_no_video_has_is_left_out(tab: Tab, ask: Ask) -> None:
    await tab.hello()
    message = await ask("How?")
    pk = message["videos"][0]["id"]
    for at in (-1, 10**9, "12", True, None, [1]):
        await tab.send("video.event", message_id=message["id"], video_id=pk, event="opened", at=at)
    await settled(tab)
    row = await watched(pk)
    assert row.opened_at is not None
    assert row.left_at is None


async def test_more_than_anybody_does_with_a_video_is_refused_for_a_while(tab: Tab, ask: Ask) -> None:
    await tab.hello()
    message = await ask("How?")
    pk = message["videos"][0]["id"]
    for _ in range(80):
        await tab.send("video.event", message_id=message["id"], video_id=pk, event="opened")
    await tab.until("rate.limited", scope="visitor")
    assert (await counted(pk))[1] == 1
