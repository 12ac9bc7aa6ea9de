"""A customer's turn with the real Groq client against a service that fails in every known way.

Whatever the service does: exactly one terminal event, in time, with honest words, and no traceback.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
import pytest_asyncio

from chat import wiring
from chat.assistant import pipeline
from chat.assistant.services import Limits, Services
from chat.models import Message
from chat.tests.conftest import Frame, Tab
from chat.tests.test_assistant import FOUND, Search, Web
from joblynk import executors
from joblynk.providers.llm.groq import GroqLLM
from joblynk.providers.llm.offline import OfflineLLM
from joblynk.testing.fake_groq import AFTER_TEXT, BEFORE_TEXT, MODELS, FakeGroq, Hang, Open, answer, failure

pytestmark = pytest.mark.django_db(transaction=True)
FIRST_TEXT, WHOLE = 2.0, 3.0  # seconds; what the service may take in these tests
TERMINAL = ("message.created", "answer.failed", "message.removed")
KEY = "gsk_canary_0815"


@pytest.fixture
def service() -> Iterator[FakeGroq]:
    with FakeGroq() as fake:
        yield fake


@pytest_asyncio.fixture
async def tab(transactional_db: None, service: FakeGroq) -> AsyncIterator[Tab]:
    """A tab of a site whose knowledge base answers and whose model is the fake's."""
    groq = GroqLLM(
        api_key=KEY,
        base_url=service.base_url,
        model=MODELS[0],
        fallback_model=MODELS[1],
        max_completion_tokens=500,
        first_token_seconds=FIRST_TEXT,
    )
    limits = Limits(first_text=FIRST_TEXT, whole=WHOLE)
    services = Services(Search(FOUND), groq, OfflineLLM(), Web(), limits)
    desk = wiring.build(partial(pipeline.answer, services=services))
    wiring.seat(desk)
    await desk.start()
    tab = await Tab("a" * 32).connect()
    await tab.hello()
    yield tab
    await tab.close()
    await groq.aclose()
    await wiring.close_desk()
    executors.shutdown()


async def outcome(tab: Tab, question: str = "How much is Team?") -> Frame:
    """The terminal event of one turn, and proof that there is no second one."""
    ack = await tab.ask(question)
    while not (ended := _terminal(tab, ack["seq"])):
        await tab.until_any()
    await tab.send("ping", t=1)
    await tab.until("pong")
    assert len(_terminal(tab, ack["seq"])) == 1
    assert not await Message.objects.filter(pending=True).aexists()
    return ended[0]


def _terminal(tab: Tab, asked: int) -> list[Frame]:
    return [e for e in tab.durable() if e["type"] in TERMINAL and e["seq"] > asked + 1]


@pytest.mark.parametrize("mode", BEFORE_TEXT)
async def test_a_failure_before_the_first_word_ends_in_a_quoted_answer(
    mode: str, tab: Tab, service: FakeGroq, caplog: pytest.LogCaptureFixture
) -> None:
    service.play(*[BEFORE_TEXT[mode]] * 4)
    async with asyncio.timeout(FIRST_TEXT + WHOLE + 2):
        message = (await outcome(tab))["message"]
    assert (message["finish"], message["mode"]) == ("stop", "offline")
    assert "€119" in message["text"]
    assert message["sources"][0]["quote"] == "Team costs €119."
    assert "quoted from our guides" in message["notice"]
    assert KEY not in caplog.text
    assert "How much is Team" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("mode", AFTER_TEXT)
async def test_a_failure_after_some_text_keeps_the_text_and_says_so(
    mode: str, tab: Tab, service: FakeGroq, caplog: pytest.LogCaptureFixture
) -> None:
    service.play(*[AFTER_TEXT[mode]] * 4)
    async with asyncio.timeout(FIRST_TEXT + WHOLE + 2):
        message = (await outcome(tab))["message"]
    assert (message["finish"], message["mode"]) == ("interrupted", "llm")
    assert message["text"].strip()
    assert message["notice"] == "The answer was cut off."
    streamed = "".join(f["text"] for f in tab.frames if f["type"] == "answer.delta")
    assert message["text"] == streamed
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_good_answer_is_cited_counted_and_stored(tab: Tab, service: FakeGroq) -> None:
    service.play(answer("Team costs €119 a month [1]."))
    message = (await outcome(tab))["message"]
    assert (message["finish"], message["mode"], message["notice"]) == ("stop", "llm", "")
    assert 'data-source="1"' in message["html"]
    stored = await Message.objects.aget(id=message["id"])
    assert stored.model == MODELS[0]
    assert stored.prompt_tokens
    assert stored.completion_tokens
    assert stored.first_text_ms is not None
    assert stored.total_ms is not None


async def test_the_other_model_answers_when_the_first_is_gone(tab: Tab, service: FakeGroq) -> None:
    service.play(failure(404, "model_not_found"), answer("From the other one [1]."))
    assert (await outcome(tab))["message"]["mode"] == "llm"
    assert [request.json["model"] for request in service.completions] == list(MODELS[:2])


async def test_stopping_closes_the_line_to_the_service_at_once(tab: Tab, service: FakeGroq) -> None:
    service.play((Open(), Hang()))
    key = uuid.uuid4()
    await tab.ask("Never mind", key)
    await tab.until("answer.stage", stage="writing")
    await tab.send("answer.stop", client_message_id=key)
    message = (await tab.until("message.created"))["message"]
    assert message["finish"] == "stopped"
    assert await asyncio.to_thread(service.wait_until_alone, 1)


async def test_a_word_from_the_service_that_is_no_answer_is_never_shown(tab: Tab, service: FakeGroq) -> None:
    service.play(answer("NO_ANSWER", piece=2))
    message = (await outcome(tab))["message"]
    assert message["finish"] == "no_answer"
    assert "NO_ANSWER" not in str(tab.frames)
