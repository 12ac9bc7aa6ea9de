"""A customer's picture: taken in, read once, corrected, taken back."""

import asyncio
import re
import shutil
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from chat import readings, transcripts
from chat.assistant.services import Seen
from chat.models import Attachment
from chat.protocol import DurableEvent
from chat.transcripts import Corrected, Reading, Refused
from chat.writer import Writer
from joblynk import executors
from joblynk.pictures import workshop
from joblynk.pictures.types import PictureError

INCOMING = "incoming"
"""Below MEDIA_ROOT: where a picture is until it is whole."""
NAME_LENGTH = 120
CLAIM = timedelta(seconds=150)
"""How long a reading may take before somebody else may try."""
LOOK_AGAIN = 0.25  # seconds, while another process reads
# Control characters, and marks that make a name read other than it is.
_JUNK = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class TooManyUnsent(Exception):
    """This visitor has uploaded a lot and sent nothing of it."""


Announce = Callable[[Sequence[DurableEvent]], None]
Look = Callable[[Sequence[Attachment]], Awaitable[list[Reading]]]


class Attachments:
    """Belongs to one event loop, as its writer does. `look` reads pictures, see `readings.look`."""

    def __init__(
        self, writer: Writer, announce: Announce, look: Look, *, now: Callable[[], datetime]
    ) -> None:
        self._writer = writer
        self._announce = announce
        self._look = look
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self, visitor: str, source: Path, name: str) -> tuple[Attachment, int]:
        """The stored picture, and how many frames its file had. Raises `PictureError`, and then nothing is
        left of it; `TooManyUnsent`."""
        incoming = Path(settings.MEDIA_ROOT) / INCOMING
        folder: Path | None = None
        try:
            incoming.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=incoming))
            written, thumb = folder / "picture", folder / "thumb"
            cleaned = await workshop.clean(source, written, thumb)
            picture = written.rename(written.with_suffix("." + cleaned.format.replace("jpeg", "jpg")))
            attachment = Attachment(
                visitor=visitor,
                name=display_name(name),
                width=cleaned.width,
                height=cleaned.height,
                size=picture.stat().st_size,
                created_at=self._now(),
            )
            kept = await self._writer.call(lambda: transcripts.add_picture(attachment, picture, thumb))
        except OSError:
            raise PictureError("no_room") from None
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        if not kept:
            raise TooManyUnsent
        return attachment, cleaned.frames

    async def read(self, pictures: Sequence[uuid.UUID]) -> tuple[Seen, ...]:
        """What each shows. Who is not read yet is read now, by whoever comes first of all processes; who
        stops waiting does not stop the reading."""
        while True:
            rows = await executors.database(transcripts.pictures_in_order, pictures)
            unread = [row.id for row in rows if row.read_at is None]
            if not unread:
                return tuple(readings.seen(row) for row in rows)
            now = self._now()
            claimed = await self._writer.call(
                lambda: transcripts.claim_pictures(unread, now, now + CLAIM)  # noqa: B023
            )
            if claimed:
                task = asyncio.create_task(self._read(claimed))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                await asyncio.shield(task)
            else:
                await asyncio.sleep(LOOK_AGAIN)

    async def correct(
        self, conversation: uuid.UUID, attachment_id: uuid.UUID, text: str
    ) -> Corrected | Refused:
        """Store what the customer says that a picture says, and tell it."""
        now = self._now()
        result = await self._writer.call(
            lambda: transcripts.correct_picture(conversation, attachment_id, text, now)
        )
        if isinstance(result, Corrected):
            self._announce(result.events)
        return result

    async def aclose(self) -> None:
        """Readings under way are given up; their claims run out."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, claimed: Sequence[Attachment]) -> None:
        found = await self._look(claimed)
        now = self._now()
        self._announce(await self._writer.call(lambda: transcripts.store_readings(found, now)))

    async def remove_unsent(self, visitor: str, attachment_id: uuid.UUID) -> bool:
        return await self._writer.call(lambda: transcripts.remove_unsent(visitor, attachment_id))


def forget_unsent() -> None:
    """What was uploaded a day ago and never sent, and files that a process left behind when it was killed."""
    now = timezone.now()
    while transcripts.remove_stale(now):
        pass
    media = Path(settings.MEDIA_ROOT)
    old = (now - transcripts.UNSENT_LIFE).timestamp()
    left = [path for path in media.glob(f"{INCOMING}/*") if path.stat().st_mtime < old]
    kept = [path for path in media.glob("pictures/*") if path.stat().st_mtime < old]
    for path in (*left, *transcripts.without_picture(kept)):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def display_name(name: str) -> str:
    """The last part of `name`, for display only: nothing is ever stored under it."""
    last = _JUNK.sub("", name).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].strip()
    return last[-NAME_LENGTH:] or "picture"
