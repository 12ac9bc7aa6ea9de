"""A storyboard (TOML) → a timeline: what is shown when, the chapters and the captions.

A storyboard has `title`, `description`, `tags` and `chapters`; a chapter `title`, `about`, `at` (where its
screens are: an address, "mail" or "phone") and `scenes`; a scene `do` (the step in big letters), `say` (the
caption), `screen` (see `drawing`) and, if it happens elsewhere than its chapter, `at`. Nobody times
anything by hand: a scene lasts as long as its caption takes to read.
"""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER_OF_FILES = HERE / "files"
TITLE_SECONDS = 3.0
SHORTEST_SCENE = 4.0
CHARACTERS_A_SECOND = 15  # a reading speed that subtitlers recommend for adults
TIME_TO_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Scene:
    """`start` and `seconds` on the clock of the video; `step` counts from 1 within the chapter."""

    start: float
    seconds: float
    chapter: str
    step: int
    do: str
    say: str
    at: str
    screen: str


@dataclass(frozen=True, slots=True)
class Storyboard:
    slug: str
    title: str
    description: str
    tags: tuple[str, ...]
    chapters: tuple[dict[str, Any], ...]  # start (seconds), title, text
    scenes: tuple[Scene, ...]
    duration: float

    def captions(self) -> str:
        """WebVTT, one cue per scene, and one under the title."""
        cues = [(0.0, TITLE_SECONDS, self.title)]
        cues += [(scene.start, scene.start + scene.seconds, scene.say) for scene in self.scenes]
        parts = [f"{_clock(start)} --> {_clock(end)}\n{text}\n" for start, end, text in cues]
        return "WEBVTT\n\n" + "\n".join(parts)

    def entry(self) -> dict[str, Any]:
        """What `videos.json` says of it."""
        return {
            "slug": self.slug,
            "title": self.title,
            "description": self.description,
            "language": "en",
            "tags": list(self.tags),
            "duration": self.duration,
            "file": f"{self.slug}.webm",
            "poster": f"{self.slug}.webp",
            "captions": f"{self.slug}.vtt",
            "chapters": list(self.chapters),
        }


def read_all() -> list[Storyboard]:
    return [_read(path) for path in sorted((HERE / "storyboards").glob("*.toml"))]


def _read(path: Path) -> Storyboard:
    board = tomllib.loads(path.read_text(encoding="utf-8"))
    clock = TITLE_SECONDS
    chapters: list[dict[str, Any]] = []
    scenes: list[Scene] = []
    for chapter in board["chapters"]:
        chapters.append({"start": clock, "title": chapter["title"], "text": chapter["about"]})
        for step, scene in enumerate(chapter["scenes"], 1):
            seconds = _reading_time(scene["say"])
            at = scene.get("at", chapter["at"])
            scenes.append(
                Scene(clock, seconds, chapter["title"], step, scene["do"], scene["say"], at, scene["screen"])
            )
            clock += seconds
    return Storyboard(
        path.stem,
        board["title"],
        board["description"],
        tuple(board["tags"]),
        tuple(chapters),
        tuple(scenes),
        clock,
    )


def _reading_time(text: str) -> float:
    """Seconds, in halves."""
    return max(SHORTEST_SCENE, math.ceil(2 * (len(text) / CHARACTERS_A_SECOND + TIME_TO_LOOK)) / 2)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes):02}:{rest:06.3f}"
