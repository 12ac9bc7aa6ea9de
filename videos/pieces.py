"""A video → the texts it is found by, each with the second it speaks of. Pure: no database, no model.

Captions are short and lean on what was said before, so a piece of them runs over some sentences and starts
anew with each: what a customer asks for is then at the start of one of them, not in the middle.
"""

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
_PARAGRAPH_CHARS = 600
_SENTENCE_END = (".", "!", "?", "…", ":")


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
    """`text` is the piece's own, `context` what it stands in; both together are embedded."""

    kind: Kind
    start: float
    text: str
    context: str

    @property
    def embedded(self) -> str:
        return f"{self.context}\n{self.text}" if self.context else self.text

    @property
    def text_hash(self) -> str:
        return blake2b(self.embedded.encode(), digest_size=16).hexdigest()


def pieces(video: VideoText) -> list[PieceText]:
    title = video.title[:_LEAD_CHARS]
    found = [PieceText("title", 0.0, ". ".join([video.title, *filter(None, [", ".join(video.tags)])]), "")]
    if description := video.description.strip():
        found += [PieceText("description", 0.0, part, title) for part in _paragraphs(description)]
    found += [
        PieceText("chapter", chapter.start, "\n".join(filter(None, [chapter.title, chapter.text])), title)
        for chapter in video.chapters
    ]
    for track in video.tracks:
        for start, text in windows(track):
            chapter = chapter_at(video.chapters, start)
            context = f"{title} > {chapter.title[:_LEAD_CHARS]}" if chapter else title
            found.append(PieceText("caption", start, text, context))
    return found


def windows(cues: Sequence[Caption]) -> list[tuple[float, str]]:
    """(second, text) of stretches of captions, each of which begins with a sentence where there are any."""
    size = max(_WINDOW_CHARS, sum(len(cue.text) for cue in cues) // _MOST_WINDOWS)
    starts = [0] if cues else []
    for place in range(1, len(cues)):
        if cues[place - 1].text.endswith(_SENTENCE_END) or place - starts[-1] >= _LONGEST_SENTENCE:
            starts.append(place)
    starts = starts[:: -(-len(starts) // _MOST_WINDOWS) or 1]
    return [(cues[place].start, _stretch(cues[place:], size)) for place in starts]


def chapter_at(chapters: Sequence[ChapterText], second: float) -> ChapterText | None:
    """The one that runs at `second`; `chapters` in order of time."""
    return next((chapter for chapter in reversed(chapters) if chapter.start <= second + 0.01), None)


def _stretch(cues: Iterable[Caption], size: int) -> str:
    text = ""
    for cue in cues:
        text = f"{text} {' '.join(cue.text.split())}".lstrip()
        if len(text) >= size:
            break
    return text


def _paragraphs(text: str) -> list[str]:
    """Paragraphs, short ones together."""
    parts: list[str] = []
    for paragraph in filter(None, (" ".join(part.split()) for part in text.split("\n\n"))):
        if parts and len(parts[-1]) + len(paragraph) < _PARAGRAPH_CHARS:
            parts[-1] = f"{parts[-1]} {paragraph}"
        else:
            parts.append(paragraph)
    return parts
