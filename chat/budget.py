"""Models within the site's daily budget. Over it they fail before they are asked: the guides are quoted
instead of written from, and pictures are read on this server."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from chat import transcripts
from chat.transcripts import Budget, Cost
from joblynk import executors
from joblynk.providers.errors import ProviderCode, ProviderError
from joblynk.providers.types import LLM, AnswerRequest, Finished, Sight, TextDelta, Usage, Vision

logger = logging.getLogger(__name__)

CHARACTERS_A_TOKEN = 3  # fewer than any of our texts has, so that an estimate is rather too high
PICTURE_TOKENS = 2_300  # what the service counts for one, with our words to it
READING_TOKENS = 3_000  # at most written about one
_SPENT: frozenset[ProviderCode] = frozenset({"bad_answer", "timeout"})  # failures that came with a bill
_settling: set[asyncio.Task[None]] = set()


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars for a million tokens, which is millionths of a dollar for one."""

    prompt: float
    completion: float

    def of(self, usage: Usage) -> Cost:
        micros = usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion
        return Cost(usage.prompt_tokens + usage.completion_tokens, round(micros))


@dataclass(slots=True)
class Bill:
    """What one call has used so far."""

    usage: Usage = field(default_factory=lambda: Usage(0, 0))


@dataclass(frozen=True, slots=True)
class Account:
    """Of the model `name`. All models and all processes spend from the same row of the database."""

    name: str
    budget: Budget
    prices: Prices

    @asynccontextmanager
    async def spend(self, most: Usage) -> AsyncIterator[Bill]:
        """Set `most` aside for a call, and settle its bill when that ends. Raises ProviderError "budget"."""
        day, reserved = timezone.localdate(), self.prices.of(most)
        if not await executors.database(transcripts.reserve, day, reserved, self.budget):
            raise ProviderError(self.name, "budget")
        bill = Bill()
        try:
            yield bill
        finally:
            used = self.prices.of(bill.usage)
            task = asyncio.get_running_loop().create_task(
                executors.database(transcripts.settle, day, reserved, used)
            )
            _settling.add(task)  # beside the end of the answer, which a stop makes a hasty one
            task.add_done_callback(_settled)


class Budgeted:
    """An `LLM`. `answer_tokens`: at most written in an answer."""

    def __init__(self, llm: LLM, budget: Budget, prices: Prices, answer_tokens: int) -> None:
        self.name = llm.name
        self._llm = llm
        self.account = Account(llm.name, budget, prices)
        self._answer_tokens = answer_tokens

    async def stream(self, request: AnswerRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """As the model's own; raises ProviderError "budget" before asking it when the day's is used up."""
        asked = sum(len(message.content.encode()) for message in request.messages) // CHARACTERS_A_TOKEN
        characters = 0
        async with (
            self.account.spend(Usage(asked, self._answer_tokens)) as bill,
            aclosing(self._llm.stream(request)) as events,
        ):
            async for event in events:
                if isinstance(event, TextDelta):  # broken off, nobody says what it cost
                    characters += len(event.text)
                    bill.usage = Usage(asked, characters // CHARACTERS_A_TOKEN)
                elif event.usage is not None:
                    bill.usage = event.usage
                yield event

    async def aclose(self) -> None:
        await self._llm.aclose()


class BudgetedVision:
    """A `Vision`."""

    def __init__(self, vision: Vision, budget: Budget, prices: Prices) -> None:
        self.name = vision.name
        self._vision = vision
        self.account = Account(vision.name, budget, prices)

    async def look(self, pictures: Sequence[Path]) -> tuple[Sight, ...]:
        """As the model's own; raises ProviderError "budget" before asking it when the day's is used up."""
        shown = len(pictures) * PICTURE_TOKENS
        async with self.account.spend(Usage(shown, len(pictures) * READING_TOKENS)) as bill:
            try:
                sights = await self._vision.look(pictures)
            except ProviderError as error:
                if error.code in _SPENT:
                    bill.usage = Usage(shown, 0)
                raise
            bills = [sight.usage for sight in sights if sight.usage is not None]
            bill.usage = Usage(
                sum(one.prompt_tokens for one in bills) or shown, sum(one.completion_tokens for one in bills)
            )
            return sights

    async def aclose(self) -> None:
        await self._vision.aclose()


def _settled(task: asyncio.Task[None]) -> None:
    _settling.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("spending_not_settled error=%s", type(error).__name__)


async def settled() -> None:
    """Until every answer that has ended is on the account."""
    if _settling:
        await asyncio.wait(_settling)


def within_budget(llm: LLM) -> LLM:
    """`llm` as the settings allow it to be used."""
    prices = Prices(settings.LLM_PROMPT_PRICE, settings.LLM_COMPLETION_PRICE)
    return Budgeted(llm, _budget(), prices, settings.GROQ_MAX_COMPLETION_TOKENS)


def vision_within_budget(vision: Vision) -> Vision:
    return BudgetedVision(
        vision, _budget(), Prices(settings.VISION_PROMPT_PRICE, settings.VISION_COMPLETION_PRICE)
    )


def _budget() -> Budget:
    return Budget(settings.LLM_TOKENS_PER_DAY, round(settings.LLM_DOLLARS_PER_DAY * 1_000_000))
