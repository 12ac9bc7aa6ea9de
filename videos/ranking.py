"""From candidates to what is shown: one score a video, the second to begin at, and why. Pure.

A score has two parts, both from 0 to 1: how near the question stands to the video in meaning, and how much
of what it says the video says too. Meaning alone would bring a video to every question about the same
things; words alone would miss whoever says it otherwise. The weights and the threshold were chosen on 40 of
80 labelled questions, and judged on the other 40 (`videos/tests/questions.json`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from videos.index import Candidate, IndexPiece
from videos.pieces import Kind, chapter_at

if TYPE_CHECKING:
    from videos.catalogue import LiveVideo

Reason = Literal["shown", "weak", "behind", "enough", "hidden", "excluded"]

THRESHOLD = 0.45
_MEANING, _HELD = 0.75, 0.25
_HELP = 0.05
"""The most that answers to "did this help?" move a video among others; never across the threshold."""
_HELP_DOUBT = 10
"""So many answers, all of them alike, move it by half of that."""
_BEHIND = 0.08
"""A second video is shown only this close behind the first."""
_WORDS = 0.15  # of a piece against its meaning, when the second is chosen
_WHOLE = 0.0  # what the title must have more than any moment, for playing to begin at the start
_SNAP = 5.0  # seconds after a chapter's start that are still its start


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where playing begins, in seconds, and what matched there."""

    start: float
    chapter: str
    matched: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """`meaning` and `held` made `score`, which the threshold is for; `help` then moves its place."""

    video_id: int
    meaning: float
    held: float
    score: float
    help: float
    beginning: Beginning
    video: "LiveVideo"
    reason: Reason = "shown"

    @property
    def place(self) -> float:
        return self.score + self.help


def judge(
    candidates: Sequence[Candidate], live: "Mapping[int, LiveVideo]", limit: int, exclude: Collection[int]
) -> list[Judged]:
    """Every candidate that is still there, best first, with the reason why it is shown or not."""
    found = [
        _judged(candidate, live[candidate.video_id]) for candidate in candidates if candidate.video_id in live
    ]
    found.sort(key=_order)
    told: list[Judged] = []
    shown: list[Judged] = []
    for judged in found:
        told.append(replace(judged, reason=_reason(judged, shown, limit, exclude)))
        if told[-1].reason == "shown":
            shown.append(judged)
    return told


def _judged(candidate: Candidate, video: "LiveVideo") -> Judged:
    meaning = max((piece.cosine for piece in candidate.pieces), default=0.0)
    answers = video.helped + video.not_helped
    return Judged(
        candidate.video_id,
        meaning,
        candidate.held,
        _MEANING * meaning + _HELD * candidate.held,
        _HELP * (video.helped - video.not_helped) / (answers + _HELP_DOUBT),
        _beginning(candidate, video.starts_at),
        video,
    )


def _order(judged: Judged) -> tuple[float, float, float]:
    """Best first; equals: the newer, then the shorter."""
    duration = judged.video.duration
    length = float("inf") if duration is None else duration
    return -round(judged.place, 3), -judged.video.created_at.timestamp(), length


def _reason(judged: Judged, shown: Sequence[Judged], limit: int, exclude: Collection[int]) -> Reason:
    if judged.video.state:
        return "hidden"
    if judged.video_id in exclude:
        return "excluded"
    if judged.score < THRESHOLD:
        return "weak"
    if len(shown) >= limit:
        return "enough"
    return "behind" if shown and judged.place < shown[0].place - _BEHIND else "shown"


def _beginning(candidate: Candidate, starts_at: float) -> Beginning:
    whole = [piece for piece in candidate.pieces if piece.kind in ("title", "description")]
    moments = [piece for piece in candidate.pieces if piece.kind in ("chapter", "caption")]
    best = max(moments, key=_weight, default=None)
    over = max(whole, key=_weight, default=None)
    if best is None or (over is not None and _weight(over) > _weight(best) + _WHOLE):
        kind, text = (over.kind, over.text) if over else ("title", "")
        return Beginning(starts_at, "", kind, text)
    chapter = chapter_at(candidate.chapters, best.start)
    start = chapter.start if chapter and best.start - chapter.start <= _SNAP else best.start
    return Beginning(start, chapter.title if chapter else "", best.kind, best.text)


def _weight(piece: IndexPiece) -> float:
    return (1 - _WORDS) * piece.cosine + _WORDS * piece.words
