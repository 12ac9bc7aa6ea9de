"""Videos for an answer, looked for while it is being written. They never delay its first word, and their
failure never costs the answer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from chat.assistant.events import Answered, Failed
from chat.assistant.services import Findings, Services, Suggestion, Turn

logger = logging.getLogger(__name__)

MOST = 2

VideosFor = Callable[[Answered | Failed | None], Awaitable[tuple[Suggestion, ...]]]


@asynccontextmanager
async def looking(turn: Turn, services: Services, query: str, findings: Findings) -> AsyncIterator[VideosFor]:
    """Begins to look; what it hands over awaits what was found for that ending. A question that the guides
    do not answer is shown nothing."""
    search: asyncio.Task[tuple[Suggestion, ...]] | None = None
    if findings.answerable or findings.verbatim is not None:
        search = asyncio.create_task(_find(turn, services, query, findings))

    async def videos_for(ending: Answered | Failed | None) -> tuple[Suggestion, ...]:
        if search is None or not isinstance(ending, Answered) or ending.finish == "no_answer":
            return ()
        await asyncio.wait([search], timeout=services.limits.videos)
        return search.result() if search.done() else ()

    try:
        yield videos_for
    finally:
        if search is not None:
            search.cancel()


async def _find(turn: Turn, services: Services, query: str, findings: Findings) -> tuple[Suggestion, ...]:
    try:
        found = await services.recommend(query, findings.vector, findings.embedder, exclude=turn.shown_videos)
    except Exception:
        logger.exception("videos_not_found")
        return ()
    return tuple(found[:MOST])
