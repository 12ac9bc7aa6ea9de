"""The day's budget for the language model, with the guides behind it."""

import asyncio
import datetime
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from chat import readings, transcripts, wiring
from chat.assistant import pipeline
from chat.assistant.events import Answered
from chat.assistant.services import Limits, Turn
from chat.budget import Budgeted, BudgetedVision, Prices, settled
from chat.models import Attachment, Spending
from chat.tests.test_assistant import services
from chat.transcripts import Budget, Cost
from joblynk import executors
from joblynk.pictures import workshop
from joblynk.pictures.tests.drawing import encoded, picture
from joblynk.providers.errors import ProviderError
from joblynk.providers.llm.groq import GroqLLM
from joblynk.providers.llm.offline import OfflineLLM
from joblynk.providers.types import Sight
from joblynk.providers.vision.groq import GroqVision
from joblynk.testing.fake_groq import FakeGroq, answer, failure
from joblynk.testing.fake_vision import FAILURES, reads

pytestmark = pytest.mark.django_db(transaction=True)
DAY = datetime.date(2026, 3, 1)
PRICES = Prices(0.15, 0.60)
ANSWER_TOKENS = 1_500


class ReadsNothing:
    """A reader that takes no time."""

    name = "here"

    async def look(self, pictures: Sequence[Path]) -> tuple[Sight, ...]:
        return (Sight(""),) * len(pictures)

    async def aclose(self) -> None: ...


@pytest.fixture
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as groq:
        yield groq


def test_of_many_reservations_at_once_exactly_as_many_fit_as_the_budget_holds() -> None:
    def reserve(_: int) -> bool:
        try:
            return transcripts.reserve(DAY, Cost(100, 50), Budget(tokens=1_050))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(reserve, range(64)))
    account = transcripts.spent(DAY)
    assert results.count(True) == 10
    assert (account.tokens, account.micros, account.refused) == (1_000, 500, 54)


def test_money_is_a_limit_of_its_own_and_a_new_day_has_a_new_account() -> None:
    budget = Budget(micros=120)
    assert transcripts.reserve(DAY, Cost(1, 100), budget)
    assert not transcripts.reserve(DAY, Cost(1, 100), budget)
    transcripts.settle(DAY, Cost(1, 100), Cost(1, 20))
    assert transcripts.reserve(DAY, Cost(1, 100), budget)
    assert transcripts.reserve(DAY + datetime.timedelta(days=1), Cost(1, 100), budget)


def the_model(groq: FakeGroq) -> GroqLLM:
    return GroqLLM(
        api_key="gsk_budget",
        base_url=groq.base_url,
        model="openai/gpt-oss-120b",
        max_completion_tokens=500,
        first_token_seconds=30.0,
    )


async def ask(llm: Budgeted) -> Answered:
    limits = Limits(first_text=30.0, whole=60.0)
    kit = replace(services(), llm=llm, offline_llm=OfflineLLM(), limits=limits)
    ending = [event async for event in pipeline.answer(Turn("How do I begin?"), kit)][-1]
    await settled()
    assert isinstance(ending, Answered)
    return ending


async def test_over_budget_the_guides_are_quoted_and_the_model_is_not_asked(groq: FakeGroq) -> None:
    groq.play(answer())
    model = the_model(groq)
    llm = Budgeted(model, Budget(tokens=3_000), PRICES, ANSWER_TOKENS)
    assert (await ask(llm)).mode == "llm"
    account = await asyncio.to_thread(transcripts.spent, timezone.localdate())
    assert (account.tokens, account.micros) == (854, round(812 * 0.15 + 42 * 0.60))
    llm = Budgeted(model, Budget(tokens=854 + ANSWER_TOKENS), PRICES, ANSWER_TOKENS)
    asked = len(groq.requests)
    over = await ask(llm)
    assert over.mode == "offline"
    assert over.notice
    assert len(groq.requests) == asked
    account = await asyncio.to_thread(transcripts.spent, timezone.localdate())
    assert (account.tokens, account.refused) == (854, 1)
    await model.aclose()
    executors.shutdown()


async def test_a_call_that_fails_before_the_first_word_costs_nothing(groq: FakeGroq) -> None:
    groq.play(failure(503))
    model = the_model(groq)
    llm = Budgeted(model, Budget(tokens=5_000), PRICES, ANSWER_TOKENS)
    assert (await ask(llm)).mode == "offline"
    assert (await asyncio.to_thread(transcripts.spent, timezone.localdate())).tokens == 0
    await model.aclose()
    executors.shutdown()


async def test_pictures_are_read_on_this_server_when_the_budget_is_used_up(
    groq: FakeGroq, tmp_path: Path, settings: Settings
) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "shot.png").write_bytes(encoded(picture(300, 120, "E-1042")))
    shown = [Attachment(visitor="a" * 32, picture="shot.png")]
    model = GroqVision(api_key="gsk_budget", base_url=groq.base_url, model="qwen/qwen3.8-27b")
    here = ReadsNothing()
    for budget, reader, spent in (
        (Budget(tokens=6_000), "groq", (4_370, round(4_310 * 0.6 + 60 * 3.0))),
        (Budget(tokens=9_000), "here", (4_370, 2_766)),
        (Budget(micros=14_000), "groq", (8_740, 5_532)),
        (Budget(micros=14_000), "here", (8_740, 5_532)),
    ):
        groq.see(reads("Error E-1042"))
        asked = len(groq.requests)
        (found,) = await readings.look(shown, BudgetedVision(model, budget, Prices(0.6, 3.0)), here)
        await settled()
        account = await asyncio.to_thread(transcripts.spent, timezone.localdate())
        assert (found.reader, found.failure) == (reader, "")
        assert (account.tokens, account.micros) == spent
        assert len(groq.requests) - asked == (reader == "groq")
    await model.aclose()
    workshop.shutdown()
    executors.shutdown()


@pytest.mark.parametrize(("name", "tokens"), [("not json", 2_300), ("status 503", 0)])
async def test_a_reading_that_fails_costs_what_the_service_counts(
    groq: FakeGroq, tmp_path: Path, name: str, tokens: int
) -> None:
    (tmp_path / "shot.png").write_bytes(encoded(picture(300, 120, "E-1042")))
    groq.see(FAILURES[name])
    model = GroqVision(api_key="gsk_budget", base_url=groq.base_url, model="qwen/qwen3.8-27b")
    with pytest.raises(ProviderError):
        await BudgetedVision(model, Budget(), PRICES).look([tmp_path / "shot.png"])
    await settled()
    assert (await asyncio.to_thread(transcripts.spent, timezone.localdate())).tokens == tokens
    await model.aclose()
    workshop.shutdown()
    executors.shutdown()


def test_the_site_counts_answers_and_readings_against_what_it_may_spend(settings: Settings) -> None:
    settings.LLM_TOKENS_PER_DAY, settings.LLM_DOLLARS_PER_DAY = 10, 0.5
    for model in (wiring.services().llm, wiring.vision()):
        assert isinstance(model, Budgeted | BudgetedVision)
        assert model.account.budget == Budget(10, 500_000)


def test_the_admin_says_what_was_spent_and_that_the_budget_is_used_up(
    client: Client, settings: Settings
) -> None:
    settings.LLM_TOKENS_PER_DAY = 100_000
    Spending.objects.create(day=timezone.localdate(), tokens=99_500, micros=12_340_000, refused=3)
    client.force_login(User.objects.create_superuser("mira"))
    page = " ".join(client.get("/admin/").content.decode().split())
    assert "used 99,500 of 100,000 tokens and $12.34 today" in page
    assert "3 times the guides were quoted" in page
    assert "99500" in client.get("/admin/chat/spending/").content.decode().replace(",", "")
