"""A turn: the question is stored, the assistant runs, the answer is stored. Whatever happens in between,
it ends exactly once.

An answer is a task of this process, keyed by the answer's id, and not of the socket that asked: it lives
on through a reload or a second tab. The row says which process writes it and until when that is believed
(a lease); an answer whose lease has run out is closed by whoever notices.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from chat import protocol, transcripts
from chat.assistant.events import Answered, AnswerEvent, Cited, Delta, Failed, Sources, Stage, Videos
from chat.assistant.markdown import hosts_in, render
from chat.assistant.services import Past, Suggestion, Turn
from chat.models import Message, ShownVideo, Source
from chat.protocol import DurableEvent, Frame
from chat.shelf import Shelf
from chat.transcripts import Accepted, NewQuestion, NewRetry, Outcome, Refused
from chat.writer import Writer
from joblynk import logs, metrics

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=12)
RENEW_EVERY = 3.0  # seconds
LOOK_EVERY = 0.25  # seconds between two looks at an answer of another process that comes first
STORE_TRIES = (0.0, 0.2, 1.0, 3.0)  # seconds to wait before each try to store an answer


class Announcer(Protocol):
    """What a turn tells others. `live.Live` is the real one."""

    def publish(self, conversation: uuid.UUID, frame: Frame) -> None: ...
    def announce(self, events: "tuple[DurableEvent, ...]") -> None: ...
    async def hold(self, conversation: uuid.UUID) -> None: ...
    async def release(self, conversation: uuid.UUID) -> None: ...


Answer = Callable[[Turn], AsyncGenerator[AnswerEvent, None]]
History = Callable[[uuid.UUID, uuid.UUID], Awaitable[Past]]
AnswersBefore = Callable[[uuid.UUID, int], Awaitable[bool]]


@dataclass(slots=True)
class _Running:
    conversation: uuid.UUID
    answer_id: uuid.UUID
    reply_to: uuid.UUID
    question: str
    seq: int  # of the event that tells of its start: the order in which answers are written
    opening: bool  # nothing was said before it
    waits: bool  # another answer, maybe of another process, comes first
    pictures: tuple[uuid.UUID, ...] = ()
    stage: str = "queued"
    text: str = ""
    sent: int = 0  # code points of `text` that have been published
    sources: tuple[Cited, ...] = ()
    videos: tuple[Suggestion, ...] = ()
    ending: Answered | Failed | None = None
    began: float = 0.0
    first_text: float | None = None
    next_frame: float = 0.0  # before which no delta is published
    stopped: bool = False
    flush: asyncio.TimerHandle | None = None
    work: asyncio.Task[None] = field(init=False)  # what `stop` cancels
    task: asyncio.Task[None] = field(init=False)  # what sees it to its end


class Turns:
    """The running answers of one process and event loop."""

    def __init__(
        self,
        answer: Answer,
        live: Announcer,
        writer: Writer,
        history: History,
        answers_before: AnswersBefore,
        *,
        owner: str,
        now: Callable[[], datetime],
        site_name: str,
        delta_seconds: float,
        shelf: Shelf,
    ) -> None:
        self._answer = answer
        self._live = live
        self._writer = writer
        self._history = history
        self._answers_before = answers_before
        self._owner = owner
        self._now = now
        self._site_name = site_name
        self._delta_seconds = delta_seconds
        self._shelf = shelf
        self._running: dict[uuid.UUID, _Running] = {}

    # --- What a customer does ------------------------------------------------------------------

    async def ask(
        self,
        conversation: uuid.UUID,
        client_message_id: uuid.UUID,
        text: str,
        attachment_ids: tuple[uuid.UUID, ...] = (),
    ) -> Accepted | Refused:
        """Store the question and start its answer. Returns after the commit."""
        now = self._now()
        item = NewQuestion(
            conversation, client_message_id, text, self._owner, now, now + LEASE, attachment_ids
        )
        return self._begin(conversation, await self._writer.write(transcripts.add_questions, item))

    async def retry(
        self, conversation: uuid.UUID, message_id: uuid.UUID, client_action_id: uuid.UUID
    ) -> Accepted | Refused:
        now = self._now()
        item = NewRetry(conversation, message_id, client_action_id, self._owner, now, now + LEASE)
        return self._begin(conversation, await self._writer.write(transcripts.retry_answers, item))

    def stop(self, answer_id: uuid.UUID, conversation: uuid.UUID) -> bool:
        """True when this answer of this conversation runs here and is now being stopped."""
        run = self._running.get(answer_id)
        if run is None or run.conversation != conversation:
            return False
        run.stopped = run.work.cancel()
        return True

    def running(self, conversation: uuid.UUID) -> _Running | None:
        return next(iter(self._of(conversation)), None)

    def _of(self, conversation: uuid.UUID) -> list[_Running]:
        return [run for run in self._running.values() if run.conversation == conversation]

    def progress(self, conversation: uuid.UUID) -> Frame | None:
        """The text so far of the answer being written here, as one delta from the beginning."""
        if (run := self.running(conversation)) is None:
            return None
        return {"type": "answer.delta", "message_id": str(run.answer_id), "offset": 0, "text": run.text}

    def __len__(self) -> int:
        return len(self._running)

    # --- Keeping promises ----------------------------------------------------------------------

    async def renew(self) -> None:
        """Say that the answers of this process are still being written."""
        if ids := tuple(self._running):
            await self._writer.call(lambda: transcripts.renew_leases(ids, LEASE))

    async def recover(self) -> None:
        """Close answers that nobody writes any more."""
        now = self._now()
        for pending in await self._writer.call(lambda: transcripts.abandoned_answers(LEASE)):
            if pending.answer_id not in self._running:
                await self._store(
                    Outcome(
                        pending.conversation,
                        pending.answer_id,
                        Message.Finish.ERROR,
                        now,
                        error_code="interrupted",
                    )
                )

    async def aclose(self, grace: float) -> None:
        """Let running answers finish for `grace` seconds, then break them off, each visibly."""
        loop = asyncio.get_running_loop()
        until = loop.time() + grace
        while runs := list(self._running.values()):  # again: one may have been about to begin
            if loop.time() >= until:
                for run in runs:
                    run.work.cancel()
            await asyncio.wait([run.task for run in runs], timeout=max(until - loop.time(), 1.0))

    # --- Running -------------------------------------------------------------------------------

    def _begin(self, conversation: uuid.UUID, result: Accepted | Refused) -> Accepted | Refused:
        if isinstance(result, Accepted):
            self._live.announce(result.events)
            if result.answer_id is not None:
                loop = asyncio.get_running_loop()
                run = _Running(
                    conversation,
                    result.answer_id,
                    result.question_id,
                    result.question,
                    result.events[-1].seq,
                    opening=result.seq == 1,
                    waits=result.waits,
                    pictures=result.pictures,
                )
                context = copy_context()
                context.run(logs.turn_id.set, str(run.answer_id))
                run.work = loop.create_task(self._work(run), context=context)
                name = f"answer {run.answer_id}"
                run.task = loop.create_task(self._run(run), name=name, context=context)
                self._running[run.answer_id] = run
                metrics.RUNNING.inc()
        return result

    async def _run(self, run: _Running) -> None:
        """The whole life of one answer. Only the work inside it is ever cancelled, by `stop` or by a
        shutdown, so the ending is never torn apart."""
        await self._live.hold(run.conversation)
        await asyncio.wait([run.work])
        failure = asyncio.CancelledError() if run.work.cancelled() else run.work.exception()
        if failure is not None and not run.work.cancelled():
            logger.error("answer_failed answer=%s", run.answer_id, exc_info=failure)
        try:
            self._flush(run)
            await self._store(self._outcome(run, failure))
        finally:
            self._running.pop(run.answer_id, None)
            metrics.RUNNING.dec()
            await self._live.release(run.conversation)

    async def _its_turn(self, run: _Running) -> None:
        """One answer at a time in a conversation, so that each knows what was said before it. One whose
        process was killed is closed when its lease has run out."""
        self._stage(run, Stage("queued"))
        if earlier := [other.task for other in self._of(run.conversation) if other.seq < run.seq]:
            await asyncio.wait(earlier)
        while await self._answers_before(run.conversation, run.seq):  # noqa: ASYNC110  (another process)
            await asyncio.sleep(LOOK_EVERY)

    async def _work(self, run: _Running) -> None:
        if run.waits:
            await self._its_turn(run)
        run.began = asyncio.get_running_loop().time()
        past = Past() if run.opening else await self._history(run.conversation, run.reply_to)
        turn = Turn(run.question, past.exchanges, self._site_name, past.shown_videos, run.pictures)
        async with aclosing(self._answer(turn)) as events:
            async for event in events:
                match event:
                    case Stage():
                        self._stage(run, event)
                    case Delta(text):
                        self._delta(run, text)
                    case Sources(passages):
                        run.sources = passages
                    case Videos(suggestions):
                        run.videos = suggestions
                    case Answered() | Failed():
                        run.ending = event

    def _stage(self, run: _Running, stage: Stage) -> None:
        run.stage = stage.name
        self._live.publish(run.conversation, protocol.stage(run.answer_id, stage.name, stage.detail))

    def _delta(self, run: _Running, text: str) -> None:
        """Text goes out at once, but what comes soon after a frame is gathered for the next one."""
        run.text += text
        if run.flush is not None or not text:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        run.first_text = run.first_text or now
        if now >= run.next_frame:
            self._flush(run)
        else:
            run.flush = loop.call_at(run.next_frame, self._flush, run)

    def _flush(self, run: _Running) -> None:
        if run.flush is not None:
            run.flush.cancel()
            run.flush = None
        if run.sent < len(run.text):
            frame = protocol.delta(run.answer_id, run.sent, run.text[run.sent :])
            run.sent = len(run.text)
            run.next_frame = asyncio.get_running_loop().time() + self._delta_seconds
            self._live.publish(run.conversation, frame)

    async def _store(self, outcome: Outcome) -> None:
        """Store and announce. A database that is away for a moment does not cost the answer; one that
        stays away leaves it pending, and its lease runs out."""
        for wait in STORE_TRIES:
            await asyncio.sleep(wait)
            try:
                events = await self._writer.write(transcripts.finish_answers, outcome)
            except Exception:
                logger.exception("answer_not_stored answer=%s", outcome.answer_id)
                continue
            self._live.announce(events)
            if events:
                metrics.ended(outcome.finish, outcome.mode, outcome.first_text_ms, outcome.total_ms)
            if events and outcome.videos:
                await self._count([video.video_id for video in outcome.videos])
            return

    async def _count(self, videos: Sequence[int]) -> None:
        try:
            await self._writer.call(lambda: self._shelf.count_shown(videos))
        except Exception:
            logger.exception("videos_not_counted")

    def _outcome(self, run: _Running, failure: BaseException | None) -> Outcome:
        ending = run.ending
        if failure is not None and (run.stopped or run.text.strip()):
            finish = "stopped" if run.stopped else "interrupted"
            return self._finished(run, finish, run.text, "llm" if run.text else "none")
        if isinstance(ending, Answered):
            return self._finished(run, ending.finish, ending.text, ending.mode, ending)
        cancelled = isinstance(failure, asyncio.CancelledError)
        return Outcome(
            run.conversation,
            run.answer_id,
            Message.Finish.ERROR,
            self._now(),
            error_code=ending.code if ending else "interrupted" if cancelled else "internal",
            search_query=ending.search_query if ending else "",
            total_ms=self._elapsed(run, asyncio.get_running_loop().time()),
        )

    def _finished(
        self, run: _Running, finish: str, text: str, mode: str, ending: Answered | None = None
    ) -> Outcome:
        cited = [passage for passage in run.sources if passage.number is not None]
        hosts = hosts_in([p.quote for p in cited if p.kind != "web"] + [p.url for p in cited])
        outcome = Outcome(
            run.conversation,
            run.answer_id,
            finish,
            self._now(),
            text=text,
            html=render(text, citations=len(cited), hosts=hosts),
            mode=mode,
            first_text_ms=self._elapsed(run, run.first_text),
            total_ms=self._elapsed(run, asyncio.get_running_loop().time()),
            sources=tuple(_source(passage) for passage in run.sources),
            videos=tuple(_video(place, video) for place, video in enumerate(run.videos, 1)),
        )
        return outcome if ending is None else _with_details(outcome, ending)

    def _elapsed(self, run: _Running, until: float | None) -> int | None:
        return None if until is None or not run.began else round((until - run.began) * 1000)


def _with_details(outcome: Outcome, ending: Answered) -> Outcome:
    return replace(
        outcome,
        notice=ending.notice,
        search_query=ending.search_query,
        confidence=ending.confidence,
        model=ending.model,
        prompt_tokens=ending.prompt_tokens,
        completion_tokens=ending.completion_tokens,
        suggestions=ending.suggestions,
        wants_person=ending.wants_person,
    )


def _source(passage: Cited) -> Source:
    return Source(
        rank=passage.rank,
        number=passage.number,
        kind=passage.kind,
        source_id=passage.source_id,
        chunk_id=passage.chunk_id,
        title=passage.title[:300],
        heading=passage.heading[:500],
        page=passage.page,
        ocr=passage.ocr,
        quote=passage.quote,
        url=passage.url[:2000],
        date=passage.date[:40],
        score=passage.score,
    )


def _video(rank: int, video: Suggestion) -> ShownVideo:
    return ShownVideo(
        rank=rank,
        video_id=video.video_id,
        title=video.title[:200],
        description=video.description[:500],
        duration=video.duration,
        start=video.start,
        chapter=video.chapter[:200],
        poster=video.poster[:200],
        provider=video.provider,
        score=video.score,
        matched=video.matched,
    )
