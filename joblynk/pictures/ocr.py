"""The print in a picture: where it stands, what it says, in which order it is read.

The models come with `rapidocr` (they know Latin letters with their accents); nothing is fetched. Text is
looked for in a picture of at most `_SIDE` pixels and read from the original, so that a large screen loses
nothing; a long strip is looked through in pieces. Runs in a child process: the models take 700 MB.
"""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from joblynk.pictures.types import Line, Print

_SIDE = 2_000  # pixels of the longer side in which text is looked for
_WIDTH = 1_100  # pixels that the shorter side keeps, however long the other is
_OVERLAP = 120  # pixels that the pieces of a strip share
_MOST_LINES = 400
_SURE = 0.6
_SMALL = 20  # pixels: lines of print below this height gain from being enlarged with care
_WEAK = 0.9
"""A line below this score is read again: sharpened, and standing on its head."""

Picture = Any  # (height, width, 3), uint8, BGR
Box = Any  # (4, 2), float32: corners from the upper left, clockwise


def read(source: Path) -> Print:
    """What is written in one of our own pictures."""
    with Image.open(source, formats=("PNG", "JPEG")) as opened:
        picture = np.asarray(opened.convert("RGB"))[:, :, ::-1]
    lines = recognise(np.ascontiguousarray(picture), os.cpu_count() or 1)
    letters = sum(len(line.text) for line in lines)
    confidence = sum(line.score * len(line.text) for line in lines) / max(letters, 1)
    return Print(paragraphs(lines), round(confidence, 4))


def recognise(picture: Picture, threads: int) -> list[Line]:
    """Every line that is legible, in reading order. The first call fixes the number of threads."""
    engine = _engine(threads)
    boxes = _boxes(engine, picture)[:_MOST_LINES]
    if not boxes:
        return []
    # The package's own guess which lines stand on their head is left out: it turns some that do not.
    crops = [_enlarged(crop) for crop in engine.cut(picture, boxes)]
    slope = _slope(boxes)
    lines: list[Line] = []
    for box, crop, (text, score) in zip(boxes, crops, engine.spell(crops), strict=True):
        if score < _WEAK:
            again = engine.spell([_sharpened(crop), np.rot90(crop, 2)])
            text, score = max([(text, score), *again], key=lambda pair: pair[1])
        if score >= _SURE and text.strip():
            lines.append(_line(" ".join(text.split()), float(score), box, slope))
    return _in_rows(lines)


def paragraphs(lines: Iterable[Line]) -> str:
    """Rows as lines of text; more room than a line's height begins a new paragraph."""
    text = ""
    before: Line | None = None
    for line in lines:
        if before is None:
            text = line.text
        elif line.row == before.row:
            text += f" {line.text}"
        else:
            room = (line.middle - before.middle) - (line.height + before.height) / 2
            text += ("\n\n" if room > before.height * 0.9 else "\n") + line.text
        if before is None or line.row != before.row:
            before = line
    return text


# --- Finding -----------------------------------------------------------------------------------


def _boxes(engine: "_Engine", picture: Picture) -> list[Box]:
    """Of every line of print, in the pixels of `picture`."""
    height, width = picture.shape[:2]
    scale = min(1.0, max(_SIDE / max(height, width), _WIDTH / min(height, width)))
    found: list[Box] = []
    for left, top, right, bottom in _pieces(width, height, math.ceil(_SIDE / scale)):
        piece = picture[top:bottom, left:right]
        if scale < 1:
            piece = cv2.resize(piece, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        boxes = engine.find(piece)
        whole = (right - left, bottom - top) == (width, height)
        for box in boxes:
            placed = box / scale + np.array([left, top], np.float32)
            if whole or not _is_cut(placed, (left, top, right, bottom), (width, height), found):
                found.append(placed.astype(np.float32))
    return found


def _pieces(width: int, height: int, side: int) -> Iterator[tuple[int, int, int, int]]:
    """(left, top, right, bottom) of pieces that overlap, along the longer side."""
    step = side - _OVERLAP
    for start in range(0, max(1, max(width, height) - _OVERLAP), step):
        if height >= width:
            yield 0, start, width, min(start + side, height)
        else:
            yield start, 0, min(start + side, width), height


def _is_cut(box: Box, piece: tuple[int, int, int, int], size: tuple[int, int], found: Sequence[Box]) -> bool:
    """Whether the neighbouring piece has this line whole, or has had it."""
    left, top, right, bottom = piece
    middle = box.mean(axis=0)
    cut_below = bottom < size[1] and box[:, 1].max() > bottom - 4
    cut_right = right < size[0] and box[:, 0].max() > right - 4
    twice = any(np.abs(other.mean(axis=0) - middle).max() < _height(box) / 2 for other in found)
    cut_above = top > 0 and box[:, 1].min() < top + 4
    cut_left = left > 0 and box[:, 0].min() < left + 4
    return bool(cut_below or cut_right or cut_above or cut_left or twice)


def _enlarged(crop: Picture) -> Picture:
    """The recogniser would enlarge small print roughly: a slashed nought becomes an eight."""
    return _sharpened(crop) if crop.shape[0] < _SMALL else crop


def _sharpened(crop: Picture) -> Picture:
    large = cv2.resize(crop, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    return cv2.addWeighted(large, 2.0, cv2.GaussianBlur(large, (0, 0), 4), -1.0, 0)


# --- Order -------------------------------------------------------------------------------------


def _slope(boxes: Sequence[Box]) -> float:
    """Pixels down for each pixel to the right, of a picture that was not held straight."""
    rises = []
    for box in boxes:
        across, down = box[1] - box[0]
        if across > 3 * _height(box):
            rises.append(down / across)
    return float(np.median(rises)) if rises else 0.0


def _height(box: Box) -> float:
    return float(np.linalg.norm(box[3] - box[0]) + np.linalg.norm(box[2] - box[1])) / 2


def _line(text: str, score: float, box: Box, slope: float) -> Line:
    x, y = (float(value) for value in box.mean(axis=0))
    return Line(text, score, float(box[:, 0].min()), y - slope * x, _height(box))


def _in_rows(lines: Iterable[Line]) -> list[Line]:
    """From top to bottom, each row from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.middle):
        first = rows[-1][0] if rows else None
        if first is not None and line.middle - first.middle < min(first.height, line.height) / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [
        replace(line, row=number)
        for number, row in enumerate(rows)
        for line in sorted(row, key=lambda line: line.left)
    ]


# --- The engine --------------------------------------------------------------------------------


class _Engine:
    """The parts of `rapidocr` one at a time: where text stands is looked for in a smaller picture than the
    one it is read from, which its own door does not offer."""

    def __init__(self, threads: int) -> None:
        from rapidocr import RapidOCR

        # One line at a time: in batches all are as wide as the widest, which costs memory and no less time.
        self._rapid = RapidOCR(
            params={
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Rec.rec_batch_num": 1,
                "Global.log_level": "critical",
            }
        )

    def cut(self, picture: Picture, boxes: Sequence[Box]) -> list[Picture]:
        """Each box as a picture of its own, set straight."""
        return list(self._rapid.crop_text_regions(picture, np.array(boxes)))

    def spell(self, lines: Sequence[Picture]) -> list[tuple[str, float]]:
        """Text and score of each picture of a line."""
        found = self._rapid.recognize_txt(list(lines))
        return list(zip(found.txts or (), found.scores or (), strict=True))

    def find(self, picture: Picture) -> list[Box]:
        """Corners of each line of print."""
        from rapidocr.main import RapidOCRError

        operations: dict[str, Any] = {}
        try:
            _, found = self._rapid.detect_and_crop(picture, operations)
        except RapidOCRError:  # there is none
            return []
        padding = operations["padding_1"]
        boxes: Any = found.boxes
        return [box - np.array([padding["left"], padding["top"]], np.float32) for box in boxes]


@cache
def _engine(threads: int) -> _Engine:
    return _Engine(threads)
