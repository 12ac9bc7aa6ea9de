"""Videos for an answer, looked for while it is being written. They never delay its first word, and their
failure never costs the answer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat.assistant.events import Answered, Failed
from chat.assistant.services import Findings, Services, Suggestion, Turn

logger = logging.getLogger(__name__)

MOST = 2


class Look:
    """The search for the videos of one answer. A question that the guides do not answer is shown nothing."""

    def __init__(self, turn: Turn, services: Services, query: str, findings: Findings) -> None:
        self._search: asyncio.Task[tuple[Suggestion, ...]] | None = None
        self._for = (turn, services, query, findings)

    def begin(self) -> None:
        """The first word is there; again, it does nothing."""
        *_, findings = self._for
        if self._search is None and (findings.answerable or findings.verbatim is not None):
            self._search = asyncio.create_task(_find(*self._for))

    async def found(self, ending: Answered | Failed | None) -> tuple[Suggestion, ...]:
        if self._search is None or not isinstance(ending, Answered) or ending.finish == "no_answer":
            return ()
        _, services, *_ = self._for
        await asyncio.wait([self._search], timeout=services.limits.videos)
        return self._search.result() if self._search.done() else ()

    def end(self) -> None:
        if self._search is not None:
            self._search.cancel()


@asynccontextmanager
async def looking(turn: Turn, services: Services, query: str, findings: Findings) -> AsyncIterator[Look]:
    look = Look(turn, services, query, findings)
    try:
        yield look
    finally:
        look.end()


async def _find(turn: Turn, services: Services, query: str, findings: Findings) -> tuple[Suggestion, ...]:
    try:
        found = await services.recommend(query, findings.vector, findings.embedder, exclude=turn.shown_videos)
    except Exception:
        logger.exception("videos_not_found")
        return ()
    return tuple(found[:MOST])
