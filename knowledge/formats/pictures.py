"""Scanned pages: the pictures of one page of a PDF, and the text that is seen in them.

The models come with `rapidocr`; nothing is fetched. Pictures are measured before they are decoded.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pypdf import PageObject, PdfReader
from pypdf.generic import DictionaryObject

from joblynk.pictures import ocr
from knowledge.formats.types import ExtractError, Section, clean

MAX_PIXELS = 40_000_000  # an A4 page at 600 dots an inch has 35 million
MAX_PICTURES = 8  # of one page: a scan may come in strips
_SIDE = 2_000  # pixels; what the detector would scale down to anyway
_TOO_SMALL = 32  # pixels: a line, a logo's dot


def has_pictures(page: PageObject) -> bool:
    return any(True for _ in _named(page))


def read_page(path: Path, number: int) -> tuple[Section, ...]:
    """What is to be read on page `number`, from 1: one section, or none."""
    page = PdfReader(path).pages[number - 1]
    # One thread: a worker reads for nobody who waits.
    found = (ocr.paragraphs(ocr.recognise(picture, threads=1)) for picture in _decoded(page))
    blocks = [text for block in found if (text := clean(block))]
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
    """BGR arrays (height, width, 3), upright, none of their sides over `_SIDE`."""
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
        upright = np.asarray(picture.convert("RGB").rotate(-page.rotation, expand=True))
        yield np.ascontiguousarray(upright[:, :, ::-1])
