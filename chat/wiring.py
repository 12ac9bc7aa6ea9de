"""Puts the collaborators together. The only place where chat meets knowledge and the providers."""

import asyncio
import secrets
import socket
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial

from django.conf import settings
from django.utils import timezone

from chat import readings, transcripts
from chat.assistant import pipeline
from chat.assistant.events import AnswerEvent
from chat.assistant.services import Limits, Past, ReadPictures, Services, Turn, no_pictures
from chat.attachments import Attachments
from chat.budget import settled, vision_within_budget, within_budget
from chat.desk import Desk
from chat.limits import allowances
from chat.live import Live
from chat.models import Attachment
from chat.protocol import DurableEvent
from chat.shelf import Shelf
from chat.throttles import LocalThrottle, Rates, Throttle
from chat.turns import Answer, Turns
from chat.writer import Writer
from joblynk import executors, metrics
from joblynk.providers import registry
from joblynk.providers.types import Vision
from knowledge import search
from videos import catalogue, sources
from videos.recommend import recommend

OWNER = f"{socket.gethostname()[:24]}-{secrets.token_hex(6)}"
"""Names this process in the rows of the answers that it writes."""

SHELF = Shelf(
    gone=lambda ids: set(ids) - catalogue.available(ids),
    count_shown=catalogue.note_shown,
    count_played=catalogue.note_played,
    count_helped=catalogue.note_helped,
)

_desks: dict[asyncio.AbstractEventLoop, Desk] = {}


async def desk() -> Desk:
    """The desk of this event loop, opened at its first use."""
    loop = asyncio.get_running_loop()
    if (found := _desks.get(loop)) is None:
        for closed in [other for other in _desks if other.is_closed()]:
            del _desks[closed]
        found = _desks[loop] = build()
        await found.start()
    return found


def seat(desk: Desk) -> None:
    """Serve this event loop with a desk of the caller's making."""
    _desks[asyncio.get_running_loop()] = desk


async def close_desk(grace: float = 20.0) -> None:
    """End the desk of this event loop and the providers' connections. Answers have `grace` seconds."""
    if (found := _desks.pop(asyncio.get_running_loop(), None)) is not None:
        await found.aclose(grace)
    await settled()
    await registry.aclose_all()


def build(answer: Answer | None = None) -> Desk:
    """A desk that is not started yet. `answer`: another assistant than the configured one."""
    live = Live(_pull, _last_seqs)
    writer = Writer(settings.WRITER_THREADS)
    attachments = Attachments(writer, live.announce, _look, now=timezone.now)
    turns = Turns(
        answer or partial(_answer, attachments),
        live,
        writer,
        _history,
        _answers_before,
        owner=OWNER,
        now=timezone.now,
        site_name=settings.SITE_NAME,
        delta_seconds=settings.CHAT_DELTA_SECONDS,
        shelf=SHELF,
    )
    allowed = allowances(settings.CHAT_MESSAGES_PER_MINUTE, time.monotonic)
    throttle = throttled(Rates(*settings.CHAT_QUESTIONS_PER_MINUTE))
    return Desk(live, turns, writer, attachments, SHELF, allowed, throttle, features())


def throttled(rates: Rates) -> Throttle:
    """Counted where every process sees it: in Redis, if there can be more than one."""
    alone = LocalThrottle(rates, time.monotonic)
    if not settings.REDIS_URL:
        return alone
    from chat.shared_throttle import SharedThrottle

    return SharedThrottle(settings.REDIS_URL, "joblynk", rates, alone)


def features() -> dict[str, bool]:
    """What the page may offer."""
    return {
        "pictures": True,
        "videos": True,
        "email": True,
        "handoff": True,
        "web": registry.get("web").enabled,
    }


def video_link(video_id: int, start: float) -> str:
    """Where a video can be watched from that second on; "" for one that is gone."""
    if (found := catalogue.playable(video_id)) is None:
        return ""
    if found.source is None:
        return f"{settings.SITE_URL}/{found.file}#t={int(start)}"
    return sources.page(found.source, start)


def _answer(attachments: Attachments, turn: Turn) -> AsyncGenerator[AnswerEvent, None]:
    return pipeline.answer(turn, services(attachments.read))


async def _look(pictures: Sequence[Attachment]) -> list[transcripts.Reading]:
    return await readings.look(pictures, vision(), registry.get("offline_vision"))


def vision() -> Vision:
    return vision_within_budget(registry.get("vision"))


def services(read_pictures: ReadPictures = no_pictures) -> Services:
    return Services(
        search=_search,
        llm=within_budget(registry.get("llm")),
        offline_llm=registry.get("offline_llm"),
        web=registry.get("web"),
        limits=Limits(
            first_text=settings.CHAT_FIRST_TOKEN_SECONDS,
            whole=settings.CHAT_ANSWER_SECONDS,
            passages=settings.CHAT_PASSAGES,
            answer_characters=settings.CHAT_ANSWER_LIMIT,
        ),
        recommend=recommend,
        read_pictures=read_pictures,
    )


async def _search(text: str, limit: int = 5) -> search.Findings:
    with metrics.RETRIEVAL.time():
        return await search.search(text, limit)


async def _pull(conversation: uuid.UUID, seq: int) -> tuple[list[DurableEvent], bool]:
    return await executors.database(transcripts.events_after, conversation, seq, SHELF.gone)


async def _last_seqs(known: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int | None]:
    return await executors.database(transcripts.last_seqs, known)


async def _answers_before(conversation: uuid.UUID, seq: int) -> bool:
    return await executors.database(transcripts.answers_before, conversation, seq)


async def _history(conversation: uuid.UUID, question: uuid.UUID) -> Past:
    return await executors.database(transcripts.past, conversation, question)
