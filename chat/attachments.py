"""A stranger's file → a picture that may be kept and served. What it says is `chat.readings`."""

import re
import shutil
import tempfile
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.conf import settings

from chat import transcripts
from chat.models import Attachment
from chat.writer import Writer
from joblynk.pictures import workshop
from joblynk.pictures.types import PictureError

INCOMING = "incoming"
"""Below MEDIA_ROOT: where a picture is until it is whole."""
NAME_LENGTH = 120
# Control characters, and marks that make a name read other than it is.
_JUNK = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class TooManyUnsent(Exception):
    """This visitor has uploaded a lot and sent nothing of it."""


class Attachments:
    """Belongs to one event loop, as its writer does."""

    def __init__(self, writer: Writer, now: Callable[[], datetime]) -> None:
        self._writer = writer
        self._now = now

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

    async def remove_unsent(self, visitor: str, attachment_id: uuid.UUID) -> bool:
        return await self._writer.call(lambda: transcripts.remove_unsent(visitor, attachment_id))


def display_name(name: str) -> str:
    """The last part of `name`, for display only: nothing is ever stored under it."""
    last = _JUNK.sub("", name).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].strip()
    return last[-NAME_LENGTH:] or "picture"
