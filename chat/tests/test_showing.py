"""Which answers come with videos."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from chat.assistant.events import Answered, AnswerEvent, Stage, Videos
from chat.assistant.pipeline import answer
from chat.assistant.services import Exchange, Services, Turn
from chat.tests.test_assistant import FOUND, NOTHING, Model, run, services
from joblynk.providers.errors import ProviderError
from joblynk.providers.types import Vectors


@dataclass(frozen=True)
class Suggestion:
    video_id: int
    title: str = "Plans in two minutes"
    description: str = "Which plan suits you."
    duration: float | None = 120.0
    start: float = 15.0
    chapter: str = "Prices"
    poster: str = "/videos/posters/1.webp"
    provider: str = "file"
    score: float = 0.9
    matched: str = "chapter"


@dataclass
class Shelf:
    """Has three videos for every text."""

    asked: list[tuple[str, str, Collection[int]]] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0.0

    async def recommend(
        self, text: str, vector: Vectors | None, embedder: str, *, exclude: Collection[int] = ()
    ) -> Sequence[Suggestion]:
        self.asked.append((text, embedder, exclude))
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return [Suggestion(number) for number in (1, 2, 3) if number not in exclude]


def shelved(shelf: Shelf, given: Services) -> Services:
    return replace(given, recommend=shelf.recommend)


def shown(events: list[AnswerEvent]) -> list[int]:
    return [one.video_id for event in events if isinstance(event, Videos) for one in event.suggestions]


async def test_an_answer_shows_two_videos_before_it_ends() -> None:
    shelf = Shelf()
    events = await run(shelved(shelf, services(replace(FOUND, embedder="mini"))))
    assert shown(events) == [1, 2]
    assert isinstance(events[-2], Videos)
    assert isinstance(events[-1], Answered)
    assert shelf.asked == [("How much is Team?", "mini", frozenset())]


async def test_a_follow_up_is_shown_what_its_context_brings() -> None:
    shelf = Shelf()
    earlier = Exchange("What does Team cost?", "€119", "What does Team cost?")
    events = await run(shelved(shelf, services()), "And Starter?", earlier)
    [answer] = [event for event in events if isinstance(event, Answered)]
    assert shelf.asked[0][0] == answer.search_query


async def test_no_video_is_shown_twice() -> None:
    given = shelved(Shelf(), services())
    turn = Turn("How much is Team?", shown_videos=frozenset({1, 2}))
    assert shown([event async for event in answer(turn, given)]) == [3]


async def test_small_talk_and_refusals_are_shown_nothing() -> None:
    shelf = Shelf()
    assert shown(await run(shelved(shelf, services()), "Hi there!")) == []
    assert shown(await run(shelved(shelf, services(NOTHING)), "Who won the match?")) == []
    assert shelf.asked == []
    refusing = Model("groq", ["NO_ANSWER"])
    events = await run(shelved(shelf, services(model=refusing)))
    [ending] = [event for event in events if isinstance(event, Answered)]
    assert (ending.finish, shown(events)) == ("no_answer", [])


async def test_an_answer_that_nobody_could_write_is_shown_nothing() -> None:
    failing = replace(services(), offline_llm=Model("offline", error=ProviderError("offline", "unavailable")))
    events = await run(shelved(Shelf(), replace(failing, llm=failing.offline_llm)))
    assert shown(events) == []


async def test_a_failing_or_endless_search_for_videos_costs_only_the_videos() -> None:
    for shelf in (Shelf(error=RuntimeError("broken")), Shelf(seconds=3_600)):
        given = services()
        hasty = replace(given, limits=replace(given.limits, videos=0.05))
        events = await run(shelved(shelf, hasty))
        assert isinstance(events[-1], Answered)
        assert events[-1].finish == "stop"
        assert shown(events) == []


async def test_an_answer_that_is_abandoned_leaves_no_search_behind() -> None:
    given = shelved(Shelf(seconds=3_600), services())
    events = answer(Turn("How much is Team?"), given)
    async for event in events:
        if isinstance(event, Stage) and event.name == "writing":
            break
    await events.aclose()
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


def test_what_a_site_without_videos_recommends_is_nothing() -> None:
    assert asyncio.run(services().recommend("x", None, "")) == ()
