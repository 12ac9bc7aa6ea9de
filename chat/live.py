"""Who listens to what. The only user of the channel layer in a web process; `doorbell` is the workers'.

Sockets of this process get everything directly. The channel layer is a doorbell between processes: it
says "conversation X has reached seq n", and whoever has X open reads the rows after its own last seq. A
socket whose answer is being written in another process asks for it with `watch` and gets the whole text a
few times a second, for as long as it renews. Nothing depends on a ring being heard: `pulse` joins the
groups again and compares every open conversation with the database.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from channels.layers import get_channel_layer

from chat import protocol
from chat.protocol import DurableEvent, Frame

logger = logging.getLogger(__name__)

WATCH_EVERY = 0.25  # seconds between two cumulative texts to another process
WATCH_LASTS = 6.0  # seconds a watch stays without being renewed
_NOBODY = uuid.UUID(int=0)  # a conversation in which nobody listens
LAYER_TIMEOUT = 2.0  # seconds; a layer that hangs must not hold up a turn


class Socket(Protocol):
    """One browser tab. `seq` is the last durable event that it was given; `staff`: of the team, not of the
    customer."""

    seq: int
    staff: bool

    def take(self, events: Sequence[DurableEvent]) -> bool:
        """Send those that it does not have. False when there are others before them that it lacks."""
        ...

    def offer(self, frame: str) -> None:
        """Send a frame that may be lost."""
        ...


Pull = Callable[[uuid.UUID, int], Awaitable[tuple[list[DurableEvent], bool]]]
LastSeqs = Callable[[Mapping[uuid.UUID, int]], Awaitable[dict[uuid.UUID, int | None]]]
"""Of conversations known up to a seq: where those stand that went beyond it, None for the erased."""
Stop = Callable[[uuid.UUID, uuid.UUID], object]
Progress = Callable[[uuid.UUID], Frame | None]


class Live:
    """The fan-out of one process. Use from one event loop."""

    def __init__(self, pull: Pull, last_seqs: LastSeqs) -> None:
        self._pull = pull
        self._last_seqs = last_seqs
        self._sockets: dict[uuid.UUID, set[Socket]] = {}
        self._held: dict[uuid.UUID, int] = {}  # conversations kept for a running answer
        self._watched: dict[uuid.UUID, float] = {}  # conversation → until when somebody elsewhere watches
        self._channel: str | None = None
        self._trouble = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_stop: Stop = lambda answer, conversation: None
        self.progress: Progress = lambda _: None

    @property
    def across_processes(self) -> bool:
        return self._channel is not None

    # --- Joining -------------------------------------------------------------------------------

    async def join(self, conversation: uuid.UUID, socket: Socket) -> None:
        """Before the backlog is read, or an event could fall between the two."""
        self._sockets.setdefault(conversation, set()).add(socket)
        await self._group("group_add", conversation)

    async def leave(self, conversation: uuid.UUID, socket: Socket) -> None:
        sockets = self._sockets.get(conversation, set())
        sockets.discard(socket)
        if not sockets:
            self._sockets.pop(conversation, None)
            await self._leave_unused(conversation)

    async def hold(self, conversation: uuid.UUID) -> None:
        """Hear the conversation while an answer to it is written here, also when nobody here has it open."""
        self._held[conversation] = self._held.get(conversation, 0) + 1
        await self._group("group_add", conversation)

    async def release(self, conversation: uuid.UUID) -> None:
        self._held[conversation] -= 1
        if not self._held[conversation]:
            del self._held[conversation]
            await self._leave_unused(conversation)

    async def _leave_unused(self, conversation: uuid.UUID) -> None:
        if conversation not in self._sockets and conversation not in self._held:
            await self._group("group_discard", conversation)

    # --- Publishing ----------------------------------------------------------------------------

    def publish(self, conversation: uuid.UUID, frame: Frame) -> None:
        """An ephemeral frame to the sockets of this process. May be lost."""
        if sockets := self._sockets.get(conversation):
            text = protocol.encode(frame)
            for socket in tuple(sockets):
                socket.offer(text)

    def tell(self, conversation: uuid.UUID, frame: Frame, *, staff: bool) -> None:
        """An ephemeral frame to one side of the conversation, in all processes."""
        self._tell_here(conversation, frame, staff=staff)
        self._send(conversation, {"kind": "tell", "frame": dict(frame), "staff": staff})

    def _tell_here(self, conversation: uuid.UUID, frame: Frame, *, staff: bool) -> None:
        text = protocol.encode(frame)
        for socket in tuple(self._sockets.get(conversation, ())):
            if socket.staff == staff:
                socket.offer(text)

    def announce(self, events: Sequence[DurableEvent]) -> None:
        """Stored events, in order: to the sockets here at once, and a ring to the other processes."""
        if not events:
            return
        conversation = events[0].conversation
        self._hand_out(conversation, events)
        self._send(conversation, {"kind": "ring", "seq": events[-1].seq})

    def _hand_out(self, conversation: uuid.UUID, events: Sequence[DurableEvent]) -> None:
        for socket in tuple(self._sockets.get(conversation, ())):
            if not socket.take(events):
                self._spawn(self.catch_up(conversation))

    async def catch_up(self, conversation: uuid.UUID) -> None:
        """Give every socket here what the database has beyond its last seq."""
        reached = -1
        while sockets := self._sockets.get(conversation):
            after = min(socket.seq for socket in sockets)
            if after == reached:
                return  # somebody is still reading its backlog, and will ask again
            events, more = await self._pull(conversation, after)
            for socket in tuple(sockets):
                socket.take(events)
            if not more:
                return
            reached = after

    # --- Between processes ---------------------------------------------------------------------

    def watch(self, conversation: uuid.UUID) -> None:
        """Ask whoever writes the running answer for its text so far, for the next few seconds."""
        self._send(conversation, {"kind": "watch"})

    def stop_elsewhere(self, conversation: uuid.UUID, answer_id: uuid.UUID) -> None:
        self._send(conversation, {"kind": "stop", "answer": answer_id.hex})

    async def pulse(self) -> None:
        """Join every group again, pull what a lost ring would have told, and tell who has a conversation open
        that was erased."""
        if self.across_processes:
            if self._trouble:
                await self._group("group_send", _NOBODY, {"kind": "ring", "seq": 0})
            for conversation in {*self._sockets, *self._held}:
                await self._group("group_add", conversation)
        heard = {key: min(socket.seq for socket in sockets) for key, sockets in self._sockets.items()}
        for conversation, seq in (await self._last_seqs(heard)).items():
            if seq is None:
                self.publish(conversation, protocol.error("not_found"))
            elif any(socket.seq < seq for socket in self._sockets.get(conversation, ())):
                await self.catch_up(conversation)

    def _hear(self, message: dict[str, Any]) -> None:
        conversation = uuid.UUID(message["conversation"])
        match message["kind"]:
            case "ring":
                if any(socket.seq < message["seq"] for socket in self._sockets.get(conversation, ())):
                    self._spawn(self.catch_up(conversation))
            case "watch" if self.progress(conversation) is not None:
                fresh = conversation not in self._watched
                self._watched[conversation] = asyncio.get_running_loop().time() + WATCH_LASTS
                if fresh:
                    self._spawn(self._report_progress(conversation))
            case "progress":
                self.publish(conversation, message["frame"])
            case "tell":
                self._tell_here(conversation, message["frame"], staff=message["staff"])
            case "stop":
                self.on_stop(uuid.UUID(message["answer"]), conversation)

    async def _report_progress(self, conversation: uuid.UUID) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._watched[conversation] > loop.time():
                frame = self.progress(conversation)
                if frame is None:
                    return
                self._send(conversation, {"kind": "progress", "frame": frame})
                await asyncio.sleep(WATCH_EVERY)
        finally:
            del self._watched[conversation]

    # --- The channel layer ---------------------------------------------------------------------

    async def start(self) -> None:
        """Open this process's one channel, where there is a layer."""
        if (layer := get_channel_layer()) is not None and self._channel is None:
            self._channel = await layer.new_channel()
            self._spawn(self._listen(layer, self._channel))

    async def aclose(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, layer: Any, channel: str) -> None:
        while True:
            try:
                message = await layer.receive(channel)
                if message.get("from") != channel:
                    self._hear(message)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - a broken layer is no reason to stop listening to it
                self._note(f"receive {type(error).__name__}")
                await asyncio.sleep(1.0)

    def _send(self, conversation: uuid.UUID, message: dict[str, Any]) -> None:
        if self._channel is not None:
            self._spawn(self._group("group_send", conversation, message))

    async def _group(self, verb: str, conversation: uuid.UUID, message: dict[str, Any] | None = None) -> None:
        layer = get_channel_layer()
        if layer is None or self._channel is None:
            return
        group = group_of(conversation)
        argument: Any = self._channel
        if message is not None:
            argument = _letter(conversation, message, self._channel)
        try:
            async with asyncio.timeout(LAYER_TIMEOUT):
                await getattr(layer, verb)(group, argument)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the pulse makes up for whatever was not sent
            self._note(f"{verb} {type(error).__name__}")
        else:
            if verb == "group_send":  # to join a group that it believes to be in costs the layer nothing
                self._note("")

    def _note(self, trouble: str) -> None:
        """One line when the layer goes away and one when it is back, however often it is tried."""
        if trouble and not self._trouble:
            logger.warning("channel_layer_away error=%s", trouble.replace(" ", ":"))
        elif self._trouble and not trouble:
            logger.warning("channel_layer_back")
        self._trouble = trouble

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_failure)


def group_of(conversation: uuid.UUID) -> str:
    return f"conversation.{conversation.hex}"


def ring_of(conversation: uuid.UUID, seq: int) -> dict[str, Any]:
    """What a process without sockets of its own sends to the group."""
    return _letter(conversation, {"kind": "ring", "seq": seq}, "")


def _letter(conversation: uuid.UUID, message: dict[str, Any], sender: str) -> dict[str, Any]:
    return {"type": "live", "conversation": conversation.hex, "from": sender, **message}


def _log_failure(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        if error := task.exception():
            logger.error("live_task_failed", exc_info=error)
