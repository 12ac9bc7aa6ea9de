"""PowerPoint: each slide under its title, with its lists, tables and notes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE

from knowledge.formats.archive import inspect, xml_faults
from knowledge.formats.types import Extracted, ExtractError, Outline, clean, one_line, spread, table

MAX_SLIDES = 1_000
_MAX_GROUPS = 20  # groups in groups
_NEARLY = 91_440  # a tenth of an inch: shapes that close stand on one line


def read_pptx(path: Path) -> Extracted:
    """Raises `ExtractError`, and for a damaged file whatever python-pptx stumbles over."""
    inspect(path, "ppt/presentation.xml")
    with xml_faults():
        presentation = Presentation(str(path))
    slides = presentation.slides
    if len(slides) > MAX_SLIDES:
        raise ExtractError("too_large")
    outline = Outline()
    for number, slide in enumerate(slides, 1):
        _slide(slide, number, outline)
    outline.title = outline.title or one_line(clean(presentation.core_properties.title or ""))
    return outline.finish(len(slides))


def _slide(slide: Any, number: int, outline: Outline) -> None:
    """The first slide's title is the document's."""
    title = slide.shapes.title
    name = one_line(clean(title.text_frame.text)) if title is not None else ""
    outline.heading(1 if number == 1 and name else 2, name or f"Slide {number}", number)
    for shape in _in_order(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.has_table:
            outline.block(table(list(spread(_cells(row) for row in shape.table.rows))), number)
        elif shape.has_text_frame:
            outline.block(_text(shape.text_frame), number)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        outline.block(clean(slide.notes_slide.notes_text_frame.text), number)


def _cells(row: Any) -> Iterator[tuple[str, int, int]]:
    """Text, columns and rows of each cell that begins in the row."""
    for cell in row.cells:
        if not cell.is_spanned:
            yield one_line(clean(cell.text)), cell.span_width, cell.span_height


def _in_order(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    """From top to bottom, then from left to right; groups are opened where they stand."""
    if depth > _MAX_GROUPS:
        raise ExtractError("too_complex")
    for shape in sorted(shapes, key=lambda shape: ((shape.top or 0) // _NEARLY, shape.left or 0)):
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from _in_order(shape.shapes, depth + 1)
        else:
            yield shape


def _text(frame: Any) -> str:
    """One paragraph is text; several are a list, as slides show them."""
    lines = [(min(p.level, 5), one_line(clean(p.text))) for p in frame.paragraphs]
    lines = [(level, text) for level, text in lines if text]
    if len(lines) < 2:
        return lines[0][1] if lines else ""
    return "\n".join(f"{'  ' * level}- {text}" for level, text in lines)
