"""Scanned pages: the pictures of one page of a PDF, and the text that is seen in them.

The models come with `rapidocr`; nothing is fetched. Pictures are measured before they are decoded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pypdf import PageObject, PdfReader
from pypdf.generic import DictionaryObject

from knowledge.formats.types import ExtractError, Section, clean, one_line

MAX_PIXELS = 40_000_000  # an A4 page at 600 dots an inch has 35 million
MAX_PICTURES = 8  # of one page: a scan may come in strips
_SIDE = 2_000  # pixels; what the detector would scale down to anyway
_TOO_SMALL = 32  # pixels: a line, a logo's dot
_SURE = 0.6


@dataclass(frozen=True, slots=True)
class _Word:
    """A line of print as it was found; pixels from the upper left corner."""

    text: str
    left: float
    top: float
    bottom: float


def has_pictures(page: PageObject) -> bool:
    return any(True for _ in _named(page))


def read_page(path: Path, number: int) -> tuple[Section, ...]:
    """What is to be read on page `number`, from 1: one section, or none."""
    page = PdfReader(path).pages[number - 1]
    blocks = [text for picture in _decoded(page) if (text := _paragraphs(_words(picture)))]
    return (Section((), "\n\n".join(blocks), number, ocr=True),) if blocks else ()


def _named(page: PageObject) -> Iterator[tuple[str, DictionaryObject]]:
    """The pictures that a page names itself, in the order of its resources."""
    resources = page.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources is not None else None
    if objects is None:
        return
    for name, reference in objects.get_object().items():
        found = reference.get_object()
        if isinstance(found, DictionaryObject) and found.get("/Subtype") == "/Image":
            yield name, found


def _decoded(page: PageObject) -> Iterator[Any]:
    """RGB arrays (height, width, 3), upright, none of their sides over `_SIDE`."""
    for name, declared in list(_named(page))[:MAX_PICTURES]:
        width, height = (int(declared.get(key, 0)) for key in ("/Width", "/Height"))
        if width * height > MAX_PIXELS:
            raise ExtractError("bomb")
        if min(width, height) < _TOO_SMALL:
            continue
        picture = page.images[name].image
        if picture is None or picture.width * picture.height > MAX_PIXELS:
            continue
        picture.thumbnail((_SIDE, _SIDE))
        yield np.asarray(picture.convert("RGB").rotate(-page.rotation, expand=True))


def _words(picture: Any) -> list[_Word]:
    found = _reader()(picture)
    if found.txts is None or found.boxes is None:
        return []
    return [
        _Word(one_line(clean(text)), box[:, 0].min(), box[:, 1].min(), box[:, 1].max())
        for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
        if score >= _SURE and text.strip()
    ]


def _paragraphs(words: Iterable[_Word]) -> str:
    """Lines in reading order; more room than a line's height begins a new paragraph."""
    lines: list[list[_Word]] = []
    for word in sorted(words, key=lambda word: word.top):
        if lines and word.top < (lines[-1][0].top + lines[-1][0].bottom) / 2:
            lines[-1].append(word)
        else:
            lines.append([word])
    text = ""
    before: _Word | None = None
    for line in lines:
        first = line[0]
        gap = first.top - before.bottom > (before.bottom - before.top) * 0.9 if before else False
        words_of_line = " ".join(word.text for word in sorted(line, key=lambda word: word.left))
        text += ("\n\n" if gap else "\n" if text else "") + words_of_line
        before = first
    return text


@cache
def _reader() -> Any:
    from rapidocr import RapidOCR

    # One thread, and one line at a time: the least memory, and hardly slower.
    threads = {f"EngineConfig.onnxruntime.{which}_op_num_threads": 1 for which in ("intra", "inter")}
    return RapidOCR(params={**threads, "Rec.rec_batch_num": 1, "Global.log_level": "critical"})
