"""What is accepted as a picture, what becomes of it, and how it is refused."""

from dataclasses import dataclass
from typing import Literal

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 25_000_000
MAX_SIDE = 20_000  # pixels
THUMB_SIDE = 640

ErrorCode = Literal[
    "missing",
    "empty",
    "unsupported",
    "drawing",
    "too_large",
    "too_many_pixels",
    "too_long",
    "damaged",
    "too_complex",
    "timeout",
    "crashed",
    "no_room",
]

_TRY_OTHERWISE = "We couldn't read that picture. Take a screenshot of it and send that."
WORDS: dict[ErrorCode, str] = {
    "missing": "Choose a picture first.",
    "empty": "That file is empty. Choose the picture again.",
    "unsupported": "That isn't a picture we can read. Send a PNG, JPEG, WebP, GIF or HEIC.",
    "drawing": "Drawings (SVG) can't be sent. Take a screenshot of it and send that.",
    "too_large": f"That picture is over {MAX_BYTES // 1024 // 1024} MB. Send a smaller one, or a part of it.",
    "too_many_pixels": f"That picture has over {MAX_PIXELS // 1_000_000} million pixels. "
    "Send a smaller one, or a part of it.",
    "too_long": f"That picture is over {MAX_SIDE:,} pixels long. Send a part of it.",
    "damaged": "That picture is damaged or incomplete. Save it again and send the new copy.",
    "too_complex": _TRY_OTHERWISE,
    "timeout": _TRY_OTHERWISE,
    "crashed": _TRY_OTHERWISE,
    "no_room": "We can't take pictures at the moment. Say in words what it shows, or try again later.",
}


class PictureError(Exception):
    """A picture that is refused. `words` is for the customer; nothing of the file is in it."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code
        self.words = WORDS[code]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A picture as it was written anew: upright, without metadata. `frames` is how many the original had,
    of which the first was kept."""

    format: Literal["png", "jpeg"]
    width: int
    height: int
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Print:
    """What is written in a picture, "" if nothing; `confidence` from 0 to 1, 0 where there is no text."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of print; `score` from 0 to 1. `left`, `middle` and `height` are pixels, `middle` along the
    slope of the picture's lines; lines of one `row` stand side by side."""

    text: str
    score: float
    left: float
    middle: float
    height: float
    row: int = 0
