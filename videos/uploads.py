"""Files that staff upload: told by their content, never by their name, and measured under limits.

ffprobe and ffmpeg are asked for the duration and a poster where they are installed. They read one format,
the one that the content is, and one protocol, so that no file can make them open another.
"""

import asyncio
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Literal

from PIL import Image

from joblynk.pictures import workshop
from joblynk.pictures.types import PictureError

Kind = Literal["mp4", "webm"]

_HEAD = 4_096
_MP4 = (b"iso", b"mp4", b"avc", b"M4V", b"dash", b"MSNV", b"f4v", b"mmp4")
_DEMUXER: dict[Kind, str] = {"mp4": "mov", "webm": "matroska"}
_SECONDS = 20
_KILOBYTES = 1_500_000  # of address space
_QUALITY = 80
# A shell sets the limits, because code between fork and exec is not safe where there are threads.
_LIMITED = ("/bin/sh", "-c", f'ulimit -t {_SECONDS}; ulimit -v {_KILOBYTES}; exec "$@"', "sh")


@dataclass(frozen=True, slots=True)
class Measured:
    """`duration` in seconds, None when unknown; `poster` is WebP, b"" without one."""

    duration: float | None = None
    poster: bytes = b""


def checked_kind(file: IO[bytes], size: int, most: int) -> Kind:
    """The format of an upload of `size` bytes, `most` at most. Raises ValueError with words for staff;
    leaves `file` at its start."""
    if size > most:
        raise ValueError(f"A video may have {most // 1_000_000} MB. This one has {size / 1_000_000:.0f}.")
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(b"\x1aE\xdf\xa3") and b"webm" in head[:64]:
        return "webm"
    if head[4:8] == b"ftyp" and head[8:12].startswith(_MP4):
        return "mp4"
    if not head:
        raise ValueError("The file is empty. Save it again and upload the new copy.")
    raise ValueError("This is no video that browsers play. Save it as MP4 (H.264) or WebM and upload that.")


def poster_from(content: bytes) -> bytes:
    """A picture as WebP of our own making, 640 pixels at most. Raises ValueError with words for staff."""
    with tempfile.TemporaryDirectory() as folder:
        source, picture, thumb = (Path(folder) / name for name in ("source", "picture", "thumb"))
        source.write_bytes(content)
        try:
            asyncio.run(workshop.clean(source, picture, thumb))
        except PictureError as error:
            raise ValueError(error.words) from None
        written = BytesIO()
        with Image.open(thumb, formats=["JPEG"]) as image:
            image.save(written, "WEBP", quality=_QUALITY)
        return written.getvalue()


def measure(path: Path, kind: Kind) -> Measured:
    """What the file says of itself; nothing where the tools are missing, or cannot read it."""
    if not (shutil.which("ffprobe") and shutil.which("ffmpeg")):
        return Measured()
    reading = ("-v", "error", "-protocol_whitelist", "file", "-f", _DEMUXER[kind], "-i", f"file:{path}")
    told = _run("ffprobe", *reading, "-show_entries", "format=duration", "-of", "default=nw=1:nk=1")
    try:
        duration = round(float(told), 3)
    except ValueError:
        return Measured()
    moment = str(min(3.0, duration / 3))
    frame = _run(
        "ffmpeg",
        "-nostdin",
        "-ss",
        moment,
        *reading,
        "-frames:v",
        "1",
        "-f",
        "image2pipe",
        "-c:v",
        "png",
        "-",
    )
    try:
        return Measured(duration, poster_from(frame) if frame else b"")
    except ValueError:
        return Measured(duration)


def _run(*command: str) -> bytes:
    """What the command wrote; nothing when it failed or took too long."""
    try:
        done = subprocess.run(  # noqa: S603  (fixed commands, a path of our own making)
            [*_LIMITED, *command], capture_output=True, timeout=_SECONDS, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout
