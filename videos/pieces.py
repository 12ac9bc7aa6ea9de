"""A video → the texts it is found by, each with the second it speaks of. Pure: no database, no model.

Captions are short and lean on what was said before, so a piece of them runs over some sentences and starts
anew with each: what a customer asks for is then at the start of one of them, not in the middle. The whole
tells which video it is, its first sentence at which second.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, NamedTuple

from videos.captions import Caption

Kind = Literal["title", "description", "chapter", "caption"]

PIECES_VERSION = 1
"""Raised when the same video would be cut otherwise: its pieces are then made anew."""

_MOST_WINDOWS = 400  # of one track; a longer video gets longer pieces instead of more
_WINDOW_CHARS = 160
_LONGEST_SENTENCE = 4  # captions; those that a machine wrote have no full stops
_LEAD_CHARS = 120
_CHAPTER_CHARS = 900  # about what the encoder reads
_PARAGRAPH_CHARS = 600
_SENTENCE_END = (".", "!", "?", "…", ":")
_ADDRESS = re.compile(r"\w[@.][A-Za-z]")


class ChapterText(NamedTuple):
    """`start` in seconds."""

    start: float
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class VideoText:
    """Everything a video can be found by; `chapters` and each of the `tracks` in order of time."""

    title: str
    description: str
    tags: tuple[str, ...]
    chapters: tuple[ChapterText, ...]
    tracks: tuple[tuple[Caption, ...], ...]


class PieceText(NamedTuple):
    """`text` is the piece's own, `context` what it stands in. Captions also have their `first` sentence,
    behind the titles of video and chapter."""

    kind: Kind
    start: float
    text: str
    context: str = ""
    first: str = ""

    @property
    def embedded(self) -> tuple[str, ...]:
        """What is embedded: the whole, and the first sentence where there is one. Addresses are left out:
        the site's name in them would make the piece fit every question about the site."""
        whole = f"{self.context}\n{self.text}" if self.context else self.text
        return tuple(_without_addresses(text) for text in (whole, self.first) if text)

    @property
    def text_hash(self) -> str:
        return blake2b("\0".join(self.embedded).encode(), digest_size=16).hexdigest()


def pieces(video: VideoText) -> list[PieceText]:
    title = video.title[:_LEAD_CHARS]
    named = f"{video.title}. {', '.join(video.tags)}" if video.tags else video.title
    found = [PieceText("title", 0.0, named)]
    found += [PieceText("description", 0.0, part, title) for part in _paragraphs(video.description)]
    for place, chapter in enumerate(video.chapters):
        text = "\n".join(filter(None, [chapter.title, chapter.text]))
        found.append(PieceText("chapter", chapter.start, text, title))
        if said := _said(video, place):
            whole = f"{text}\n{said}"[:_CHAPTER_CHARS]
            found.append(PieceText("chapter", chapter.start, whole, title))
    for track in video.tracks:
        for start, text, first in windows(track):
            chapter_now = chapter_at(video.chapters, start)
            lead = f"{title} > {chapter_now.title[:_LEAD_CHARS]}" if chapter_now else title
            found.append(PieceText("caption", start, text, title, f"{lead}\n{first}"))
    return found


def windows(cues: Sequence[Caption]) -> list[tuple[float, str, str]]:
    """(second, text, its first sentence) of stretches of captions, each of which begins with a sentence where
    there are any."""
    size = max(_WINDOW_CHARS, sum(len(cue.text) for cue in cues) // _MOST_WINDOWS)
    starts = [0] if cues else []
    for place in range(1, len(cues)):
        if cues[place - 1].text.endswith(_SENTENCE_END) or place - starts[-1] >= _LONGEST_SENTENCE:
            starts.append(place)
    ends = [*starts[1:], len(cues)]
    step = -(-len(starts) // _MOST_WINDOWS) or 1
    return [
        (cues[start].start, _joined(cues[start:], size), _joined(cues[start:end]))
        for start, end in list(zip(starts, ends, strict=True))[::step]
    ]


def chapter_at(chapters: Sequence[ChapterText], second: float) -> ChapterText | None:
    """The one that runs at `second`; `chapters` in order of time."""
    return next((chapter for chapter in reversed(chapters) if chapter.start <= second + 0.01), None)


def _said(video: VideoText, place: int) -> str:
    """What is said in the chapter at `place`, in the first language."""
    later = video.chapters[place + 1 :]
    start, end = video.chapters[place].start, later[0].start if later else float("inf")
    track = video.tracks[0] if video.tracks else ()
    return _joined([cue for cue in track if start <= cue.start < end], _CHAPTER_CHARS)


def _joined(cues: Iterable[Caption], size: int = _PARAGRAPH_CHARS) -> str:
    """The words of the first captions, until there are `size` characters of them."""
    text = ""
    for cue in cues:
        text = f"{text} {' '.join(cue.text.split())}".lstrip()
        if len(text) >= size:
            break
    return text


def _without_addresses(text: str) -> str:
    return " ".join(word for word in text.split(" ") if not _ADDRESS.search(word))


def _paragraphs(text: str) -> list[str]:
    """Paragraphs, short ones together."""
    parts: list[str] = []
    for paragraph in filter(None, (" ".join(part.split()) for part in text.split("\n\n"))):
        if parts and len(parts[-1]) + len(paragraph) < _PARAGRAPH_CHARS:
            parts[-1] = f"{parts[-1]} {paragraph}"
        else:
            parts.append(paragraph)
    return parts
