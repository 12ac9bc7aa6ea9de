"""A language model within the site's daily budget: over it, it fails before the first word, and the guides
are quoted instead."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from chat import transcripts
from chat.transcripts import Budget, Cost
from joblynk import executors
from joblynk.providers.errors import ProviderError
from joblynk.providers.types import LLM, AnswerRequest, Finished, TextDelta, Usage

logger = logging.getLogger(__name__)

CHARACTERS_A_TOKEN = 3  # fewer than any of our texts has, so that an estimate is rather too high
ANSWER_TOKENS = 700  # set aside for one answer
_settling: set[asyncio.Task[None]] = set()


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars for a million tokens, which is millionths of a dollar for one."""

    prompt: float
    completion: float

    def of(self, usage: Usage) -> Cost:
        micros = usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion
        return Cost(usage.prompt_tokens + usage.completion_tokens, round(micros))


class Budgeted:
    """An `LLM`. Every process counts in the same row of the database."""

    def __init__(self, llm: LLM, budget: Budget, prices: Prices) -> None:
        self.name = llm.name
        self._llm = llm
        self._budget = budget
        self._prices = prices

    async def stream(self, request: AnswerRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """As the model's own; raises ProviderError "budget" before asking it when the day's is used up."""
        day = timezone.localdate()
        asked = sum(len(message.content) for message in request.messages) // CHARACTERS_A_TOKEN
        reserved = self._prices.of(Usage(asked, ANSWER_TOKENS))
        if not await executors.database(transcripts.reserve, day, reserved, self._budget):
            raise ProviderError(self.name, "budget")
        characters = 0
        usage: Usage | None = None
        try:
            async with aclosing(self._llm.stream(request)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        characters += len(event.text)
                    else:
                        usage = event.usage
                    yield event
        finally:
            # Broken off, nobody says what it cost; never begun, it cost nothing.
            written = characters // CHARACTERS_A_TOKEN
            used = self._prices.of(usage or Usage(asked if characters else 0, written))
            task = asyncio.get_running_loop().create_task(
                executors.database(transcripts.settle, day, reserved, used)
            )
            _settling.add(task)  # beside the end of the answer, which a stop makes a hasty one
            task.add_done_callback(_settled)

    async def aclose(self) -> None:
        await self._llm.aclose()


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
    budget = Budget(settings.LLM_TOKENS_PER_DAY, round(settings.LLM_DOLLARS_PER_DAY * 1_000_000))
    return Budgeted(llm, budget, Prices(settings.LLM_PROMPT_PRICE, settings.LLM_COMPLETION_PRICE))
