"""From candidates to what is shown: one score a video, the second to begin at, and why. Pure.

A score says how near the question stands to the video in meaning, a little more where they share words.
The nearest piece counts most, because a video answers a question in one place; the three nearest together
count too, because a sentence that stands alone may be near by chance. The weights and the threshold were
chosen on one half of the labelled questions in `videos/tests/questions.json`, and hold on the other. How the
second is chosen was settled on a hundred questions besides, and in the end with both halves in sight.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from videos.index import Candidate, IndexPiece
from videos.pieces import Kind, chapter_at

if TYPE_CHECKING:
    from videos.catalogue import LiveVideo

Reason = Literal["shown", "weak", "behind", "enough", "hidden", "excluded"]

THRESHOLD = 0.4
_NEAREST, _AROUND = 0.75, 0.25
"""The nearest piece, and the mean of the three nearest."""
_SHARED = 0.2  # of the score is for shared words
_CODED = 0.5  # a code names its video exactly: above everything else
_HELP = 0.05
"""The most that answers to "did this help?" move a video among others; never across the threshold."""
_HELP_DOUBT = 10
"""So many answers, all of them alike, move it by half of that."""
_BEHIND = 0.08
"""A second video is shown only this close behind the first."""
_CHAPTER = 0.03  # what a chapter must have more than the captions in it, which are more exact
_WHOLE = 0.1  # what the title must have more than any moment, for playing to begin at the start
_NEARLY = 0.01  # moments that fit so nearly as well: the first of them leads up to the others
_SNAP = 5.0  # seconds around a chapter's start that are still its start: a title card, a first word


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where playing begins, in seconds, and what matched there."""

    start: float
    chapter: str
    matched: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """`meaning` and `words`, both at most 1, and `coded`, that it holds a code of the question's, made the
    `score`, which the threshold is for; `help` then moves its place."""

    video_id: int
    meaning: float
    words: float
    coded: bool
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
    cosines = sorted((piece.cosine for piece in candidate.pieces), reverse=True)[:3]
    meaning = max(_NEAREST * cosines[0] + _AROUND * sum(cosines) / len(cosines), 0.0) if cosines else 0.0
    words = max((piece.words for piece in candidate.pieces), default=0.0)
    coded = any(piece.coded for piece in candidate.pieces)
    answers = video.helped + video.not_helped
    return Judged(
        candidate.video_id,
        meaning,
        words,
        coded,
        meaning * (1 - _SHARED + _SHARED * words) + _CODED * coded,
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
    moments = _moments(candidate)
    best = max((weight for weight, _ in moments), default=0.0)
    whole = [piece for piece in candidate.pieces if piece.kind in ("title", "description")]
    over = max(whole, key=lambda piece: piece.cosine, default=None)
    if not moments or (over is not None and over.cosine > best + _WHOLE):
        kind, text = (over.kind, over.text) if over else ("title", "")
        return Beginning(starts_at, "", kind, text)
    fitting = (piece for weight, piece in moments if weight >= best - _NEARLY)
    first = min(fitting, key=lambda piece: piece.start)
    chapter = chapter_at(candidate.chapters, first.start) or next(iter(candidate.chapters), None)
    start = chapter.start if chapter and abs(first.start - chapter.start) <= _SNAP else first.start
    title = chapter.title if chapter and chapter.start <= start else ""
    return Beginning(start, title, first.kind, first.text)


def _moments(candidate: Candidate) -> list[tuple[float, IndexPiece]]:
    """Chapters and captions with what speaks for beginning there. Of a chapter only its own words, which
    come first: what is said in it speaks for itself."""
    chapters: dict[float, IndexPiece] = {}
    captions = []
    for piece in candidate.pieces:
        if piece.kind == "chapter":
            chapters.setdefault(piece.start, piece)
        elif piece.kind == "caption":
            captions.append(piece)
    return [(_weight(piece) + _CODED * piece.coded, piece) for piece in (*chapters.values(), *captions)]


def _weight(piece: IndexPiece) -> float:
    """Of captions only the first sentence: the others are where the next ones begin."""
    return piece.first - _CHAPTER if piece.kind == "chapter" else piece.first
