"""The front desk of one process: everything that a socket may ask for, behind one object."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.utils import timezone

from chat import networks, protocol, transcripts
from chat.attachments import Attachments
from chat.limits import Allowances
from chat.live import Live
from chat.protocol import DurableEvent, Frame, Hello
from chat.shelf import Shelf
from chat.throttles import Throttle
from chat.transcripts import Refused, TranscriptRequest, VideoNote, View
from chat.turns import RENEW_EVERY, Turns
from chat.writer import Writer
from joblynk import executors

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

PULSE_EVERY = 9.0  # seconds; a lost ring is made up for within this time
LOOK_EVERY = 3.0  # seconds; the same where nobody can ring: a worker's news is found by looking


class Desk:
    """Lives as long as its event loop. `start` begins the background work, `aclose` ends all of it."""

    def __init__(
        self,
        live: Live,
        turns: Turns,
        writer: Writer,
        attachments: Attachments,
        shelf: Shelf,
        allowed: Allowances,
        throttle: Throttle,
        features: Mapping[str, bool],
    ) -> None:
        self.live = live
        self.turns = turns
        self.attachments = attachments
        self._shelf = shelf
        self.allowed = allowed
        self.throttle = throttle
        self.features = features
        self._writer = writer
        self._background: asyncio.Task[None] | None = None
        live.on_stop = turns.stop
        live.progress = turns.progress

    async def start(self) -> None:
        await self.live.start()
        self._background = asyncio.get_running_loop().create_task(self._keep_promises())

    async def aclose(self, grace: float = 20.0) -> None:
        """Answers are told of as being written for as long as they are, or another process closed them."""
        await self.turns.aclose(grace)
        await self.attachments.aclose()
        if self._background is not None:
            self._background.cancel()
            await asyncio.gather(self._background, return_exceptions=True)
        await self.live.aclose()
        await self.throttle.aclose()
        await self._writer.aclose()

    async def _keep_promises(self) -> None:
        """Renew what is being written here, close what nobody writes, make up for lost rings."""
        every = PULSE_EVERY if self.live.across_processes else LOOK_EVERY
        next_pulse = time.monotonic() + every
        while True:
            try:
                await self.turns.renew()
                await self.turns.recover()
                if time.monotonic() >= next_pulse:
                    await self.live.pulse()
                    next_pulse = time.monotonic() + every
            except Exception:
                logger.exception("background_work_failed")
            await asyncio.sleep(RENEW_EVERY)

    # --- Reading -------------------------------------------------------------------------------

    async def open(self, visitor: str, hello: Hello) -> View | None:
        return await executors.database(
            transcripts.open_conversation,
            visitor,
            hello.conversation,
            timezone.now(),
            hello.locale,
            hello.time_zone,
        )

    async def backlog(
        self, conversation: uuid.UUID, seq: int
    ) -> tuple[list[DurableEvent], bool, Frame | None]:
        """One page of events after `seq`, whether there are more, and the answer being written."""
        events, more = await executors.database(transcripts.events_after, conversation, seq, self._shelf.gone)
        return events, more, await self.answer_in_progress(conversation)

    async def answer_in_progress(self, conversation: uuid.UUID) -> Frame | None:
        if (run := self.turns.running(conversation)) is not None:
            return _progress(run.answer_id, run.reply_to, run.stage, run.text)
        pending = await executors.database(transcripts.pending_answer, conversation)
        if pending is None:
            return None
        self.live.watch(conversation)
        return _progress(pending.answer_id, pending.reply_to, "writing", "")

    async def watch_again(self, conversation: uuid.UUID) -> None:
        """Renew the interest in an answer that another process writes."""
        if self.live.across_processes and self.turns.running(conversation) is None:
            self.live.watch(conversation)

    async def snapshot(self, visitor: str, conversation: uuid.UUID) -> dict[str, Any] | None:
        found = await executors.database(transcripts.snapshot, visitor, conversation, self._shelf.gone)
        if found is not None:
            found["running"] = await self.answer_in_progress(conversation)
        return found

    async def write(self, function: Callable[[], Result]) -> Result:
        """A write of the team, rare enough to go alone. Its events are the caller's to announce."""
        return await self._writer.call(function)

    def stop_answer(self, conversation: uuid.UUID, answer: uuid.UUID) -> None:
        """Wherever it is being written."""
        if not self.turns.stop(answer, conversation):
            self.live.stop_elsewhere(conversation, answer)

    async def seen(self, conversation: uuid.UUID, seq: int) -> None:
        """The customer has the page before them and has seen everything up to `seq`."""
        await self._writer.call(lambda: transcripts.seen(conversation, seq))

    # --- Acting --------------------------------------------------------------------------------

    async def obey(
        self, conversation: uuid.UUID, command: protocol.Command, network: str = ""
    ) -> Refused | None:
        """Everything that is not a question. None when it is done; its events announce it. `network`: where
        it comes from, see `networks`."""
        match command:
            case protocol.StopAnswer():
                return await self._stop(conversation, command)
            case protocol.RetryAnswer(message_id, action):
                result = await self.turns.retry(conversation, message_id, action)
                return result if isinstance(result, Refused) else None
            case protocol.CorrectPicture():
                return await self._correct_picture(conversation, command)
            case protocol.SetFeedback(message_id, value, reason, comment):
                return await self._change(
                    transcripts.set_feedback, conversation, message_id, value, reason, comment
                )
            case protocol.SubmitCsat(score, comment):
                return await self._change(transcripts.set_csat, conversation, score, comment)
            case protocol.RequestHandoff(_, email):
                return await self._change(transcripts.request_person, conversation, email)
            case protocol.CancelHandoff():
                return await self._change(transcripts.withdraw_request, conversation)
            case protocol.EmailTranscript(email, _):
                request = TranscriptRequest(conversation, email, networks.hashed(network))
                return await self._change(transcripts.request_transcript, request)
            case protocol.VideoEvent(message_id, video_id, event, second):
                return await self._note_video(VideoNote(conversation, message_id, video_id, event, second))
            case _:
                return Refused("unavailable")

    async def start_anew(self, visitor: str, old: uuid.UUID, locale: str, time_zone: str) -> View:
        now = timezone.now()
        view, events = await self._writer.call(
            lambda: transcripts.start_anew(visitor, old, now, locale, time_zone)
        )
        self.live.announce(events)
        return view

    async def _correct_picture(
        self, conversation: uuid.UUID, command: protocol.CorrectPicture
    ) -> Refused | None:
        """The assistant is asked again, of the picture as the customer reads it; a person is not."""
        result = await self.attachments.correct(conversation, command.attachment_id, command.text)
        if isinstance(result, Refused) or result.answer is None:
            return result if isinstance(result, Refused) else None
        again = await self.turns.retry(conversation, result.answer, command.client_action_id)
        return again if isinstance(again, Refused) and again.code != "closed" else None

    async def _stop(self, conversation: uuid.UUID, command: protocol.StopAnswer) -> Refused | None:
        answer = command.message_id
        if answer is None and command.client_message_id is not None:
            answer = await executors.database(transcripts.answer_to, conversation, command.client_message_id)
        # Its conversation is asked for again: a message id alone must not stop somebody else's answer.
        if answer is not None:
            self.stop_answer(conversation, answer)
        return None

    async def _note_video(self, note: VideoNote) -> Refused | None:
        noted = await self._writer.call(lambda: self._shelf.note(note, timezone.now()))
        if isinstance(noted, Refused):
            return noted
        self.live.announce(noted.events)
        return None

    async def _change(self, write: Any, *arguments: Any) -> Refused | None:
        now = timezone.now()
        result = await self._writer.call(lambda: write(*arguments, now))
        if isinstance(result, Refused):
            return result
        self.live.announce(result)
        return None


def _progress(answer_id: uuid.UUID, reply_to: uuid.UUID | None, stage: str, text: str) -> Frame:
    return {"message_id": answer_id, "reply_to": reply_to, "stage": stage, "text": text}
