"""WebVTT and SubRip → captions as plain text, and back. Pure.

Markup is taken out, not trusted: what is kept is text and times, and what is served is written anew.
"""

import html
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

MAX_BYTES = 2_000_000
MAX_CUES = 20_000
MAX_CUE_CHARS = 1_000
MAX_SECONDS = 24 * 3600.0

_TIMES = re.compile(
    r"\s*(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{3})\s+-->\s+(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{3})(?:\s.*)?"
)
_TAG = re.compile(r"</?[a-zA-Z0-9:.][^<>]{0,200}>")
_JUNK = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffd]")
_SENTENCE = re.compile(r".{8,400}?[.!?](?=\s|$)", re.DOTALL)
_SENTENCE_END = (".", "!", "?", "…")

_USUAL_CHAPTERS = 6  # what a video of some minutes is cut into
_LEAST_SECONDS, _MOST_SECONDS = 20.0, 180.0  # what a chapter aims at
_SHORTEST_SECONDS = 8.0
_MOST_CHAPTERS = 24
_TITLE_CHARS = 60


class Caption(NamedTuple):
    """Seconds, and text without markup; lines are kept."""

    start: float
    end: float
    text: str


class Heading(NamedTuple):
    """A chapter to be: second and title."""

    start: float
    title: str


def parse(content: bytes) -> list[Caption]:
    """The captions in order of time. Raises ValueError with words for staff."""
    if len(content) > MAX_BYTES:
        raise ValueError(f"Captions may have {MAX_BYTES // 1_000_000} MB. This file is larger.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("The captions are not text in UTF-8. Save them as WebVTT in UTF-8.") from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cues = _cues(lines)
    if not cues:
        raise ValueError("There are no captions in this file. It wants WebVTT (.vtt) or SubRip (.srt).")
    return sorted(cues, key=lambda cue: cue.start)


def write(cues: Iterable[Caption]) -> str:
    """WebVTT."""
    blocks = [
        f"{_clock(cue.start)} --> {_clock(cue.end)}\n{html.escape(cue.text, quote=False)}" for cue in cues
    ]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def chapters_from(cues: Sequence[Caption]) -> list[Heading]:
    """Chapters of about equal length, begun where the speaker pauses longest between two sentences, and
    named by their first words."""
    if not cues:
        return []
    length = cues[-1].end - cues[0].start
    wanted = round(length / min(max(length / _USUAL_CHAPTERS, _LEAST_SECONDS), _MOST_SECONDS))
    breaks = {
        place: after.start - before.end
        for place, (before, after) in enumerate(pairwise(cues), 1)
        if before.text.endswith(_SENTENCE_END) and cues[-1].end - after.start >= _SHORTEST_SECONDS
    }
    starts = [0]
    while len(starts) < min(max(wanted, 1), _MOST_CHAPTERS):
        apart = {place: min(abs(cues[place].start - cues[s].start) for s in starts) for place in breaks}
        open_ = [place for place in breaks if apart[place] >= _SHORTEST_SECONDS]
        if not open_:
            break
        starts.append(max(open_, key=lambda place: (round(breaks[place], 1), apart[place])))
    return [Heading(cues[place].start, _title(cues[place:])) for place in sorted(starts)]


def chapters_of(cues: Sequence[Caption]) -> list[Heading]:
    """Each entry of a file of chapters is one."""
    return [Heading(cue.start, shortened(cue.text)) for cue in cues]


def shortened(text: str, limit: int = _TITLE_CHARS) -> str:
    """One line of at most `limit` characters, cut between words."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    return line[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:–-") + "…"


def _title(cues: Sequence[Caption]) -> str:
    """The first sentence; a caption without an end before a new sentence is a heading."""
    words = cues[0].text
    for cue in cues[1:4]:
        if ended := _SENTENCE.match(words):
            return shortened(ended[0].rstrip(".!"))
        if cue.text[:1].isupper():
            break
        words = f"{words} {cue.text}"
    ended = _SENTENCE.match(words)
    return shortened(ended[0].rstrip(".!") if ended else words)


def _cues(lines: Sequence[str]) -> list[Caption]:
    cues: list[Caption] = []
    place = 0
    while place < len(lines):
        times = _TIMES.fullmatch(lines[place]) if len(lines[place]) < 500 else None
        place += 1
        if times is None:
            if place and "-->" in lines[place - 1] and not lines[place - 1].startswith("NOTE"):
                raise ValueError(f"Line {place} should hold two times, as in 00:01.000 --> 00:04.000.")
            continue
        said = []
        while place < len(lines) and lines[place].strip() and "-->" not in lines[place]:
            said.append(lines[place])
            place += 1
        if cue := _cue(times, said, place):
            cues.append(cue)
        if len(cues) > MAX_CUES:
            raise ValueError(f"There are over {MAX_CUES:,} captions in this file.")
    return cues


def _cue(times: "re.Match[str]", said: Sequence[str], place: int) -> Caption | None:
    """None when nothing is said."""
    found = [int(part or 0) for part in times.groups()]
    start, end = _seconds(found[:4]), _seconds(found[4:])
    if end <= start or end > MAX_SECONDS:
        raise ValueError(f"The caption above line {place + 1} ends before it begins, or after a day.")
    plain = html.unescape(_TAG.sub("", "\n".join(said)))
    text = "\n".join(" ".join(line.split()) for line in _JUNK.sub("", plain).split("\n")).strip()
    return Caption(start, end, text[:MAX_CUE_CHARS]) if text else None


def _seconds(parts: Sequence[int]) -> float:
    hours, minutes, rest, thousandths = parts
    return hours * 3600 + minutes * 60 + rest + thousandths / 1000


def _clock(moment: float) -> str:
    thousandths = round(moment * 1000)
    minutes, thousandths = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{thousandths // 1000:02}.{thousandths % 1000:03}"
