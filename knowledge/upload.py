"""What staff may upload: the name made harmless, the format told by name and content."""

import logging
import re
from dataclasses import dataclass
from typing import IO

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.uploadedfile import UploadedFile

from knowledge import library
from knowledge.formats.types import MAX_FILE_BYTES, WORDS
from knowledge.models import TITLE_LENGTH, Document

logger = logging.getLogger(__name__)

_FORMATS = {
    "md": "md",
    "markdown": "md",
    "txt": "txt",
    "text": "txt",
    "html": "html",
    "htm": "html",
    "pdf": "pdf",
    "docx": "docx",
    "csv": "csv",
    "pptx": "pptx",
    "xlsx": "xlsx",
}
_OLD = {"doc": "docx", "ppt": "pptx", "xls": "xlsx"}
_PACKED = {Document.Format.WORD, Document.Format.POWERPOINT, Document.Format.EXCEL}
# Control characters, and marks that make a name read other than it is.
_JUNK = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_HEAD = 1024
NO_ROOM = "It could not be kept: the server's disk has no room for it. Tell whoever looks after the server."


def display_name(name: str) -> str:
    """The last part of `name`, for display only: nothing is ever stored under it."""
    last = _JUNK.sub("", name).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].strip()
    return last[-TITLE_LENGTH:] or "document"


def checked_format(name: str, size: int, content: IO[bytes]) -> str:
    """The format of an upload. Raises ValueError with words for staff; leaves `content` at its start."""
    ending = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    if ending in _OLD:
        raise ValueError(f"This is an old .{ending} file. Save it as .{_OLD[ending]} and upload that.")
    format = _FORMATS.get(ending)
    if format is None:
        raise ValueError(WORDS["unsupported"])
    if size > MAX_FILE_BYTES:
        raise ValueError(WORDS["too_large"])
    head = content.read(_HEAD)
    content.seek(0)
    if not head:
        raise ValueError("The file is empty. Save it again and upload the new copy.")
    if format == Document.Format.PDF and b"%PDF-" not in head:
        raise ValueError(WORDS["damaged"])
    if format in _PACKED and head.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValueError(WORDS["encrypted"])
    if format in _PACKED and not head.startswith(b"PK\x03\x04"):
        raise ValueError(WORDS["damaged"])
    return format


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one upload: stored (`document` and no `twin`), the same as `twin`, or refused.

    `namesake`: an earlier document of that file name. Which of the two shall answer is for people to say,
    so the new one is not published.
    """

    name: str
    document: Document | None = None
    twin: Document | None = None
    namesake: Document | None = None
    refusal: str = ""


def receive(draft: Document, file: UploadedFile | None, by: AbstractBaseUser | None) -> Arrival:
    """Store one file, or the text that is in `draft`. A document that is new still wants `tasks.enqueue`."""
    name = display_name(file.name or "") if file is not None else (draft.title or "The text")
    if file is not None:
        try:
            draft.format = checked_format(file.name or "", file.size or 0, file)
        except ValueError as error:
            return Arrival(name, refusal=str(error))
        draft.name = name
    namesake = library.namesake(draft)
    draft.published = draft.published and namesake is None
    try:
        twin = library.add_document(draft, file=file, by=by)
    except OSError:
        logger.exception("upload_not_kept")
        return Arrival(name, refusal=NO_ROOM)
    return Arrival(name, twin=twin) if twin else Arrival(name, draft, namesake=namesake)
