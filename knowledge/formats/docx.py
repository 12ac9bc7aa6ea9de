"""Word: paragraphs, lists and tables by their styles."""

from collections.abc import Iterator
from pathlib import Path

from docx import Document as open_docx
from docx.document import Document as WordDocument
from docx.oxml.ns import qn
from docx.parts.document import DocumentPart
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph
from lxml import etree

from knowledge.formats.archive import inspect, xml_faults
from knowledge.formats.types import MAX_DEPTH, Extracted, ExtractError, Outline, clean, one_line, table


def read_docx(path: Path) -> Extracted:
    """Raises `ExtractError`, and for a damaged file whatever python-docx stumbles over."""
    inspect(path, "word/document.xml")
    with xml_faults():
        document = open_docx(str(path))
    outline = Outline()
    _walk(document, outline)
    outline.title = outline.title or one_line(clean(document.core_properties.title))
    return outline.finish()


def _walk(document: WordDocument, outline: Outline) -> None:
    """Blocks in order; neighbouring list items make one list."""
    items: list[str] = []
    numbers: dict[tuple[str, int], int] = {}
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            outline.block("\n".join(items))
            items = []
            outline.block(table(_rows(block, 0)))
            continue
        text = one_line(clean(block.text))
        if not text:
            continue
        style = _style(block)
        if item := _item(block, style, text, numbers):
            items.append(item)
            continue
        outline.block("\n".join(items))
        items = []
        level = _heading_level(style)
        if level is None:
            numbers.clear()
            outline.block(text)
        else:
            numbers.clear()
            outline.heading(level, text)
    outline.block("\n".join(items))


def _style(paragraph: Paragraph) -> str:
    style = paragraph.style
    return (style.name or "").lower() if style is not None else ""


def _heading_level(style: str) -> int | None:
    """ "heading 2" → 2; the title counts as level 1. Word stores the English names in every language."""
    if style == "title":
        return 1
    if style.startswith("heading ") and style[8:].isdecimal():
        return min(int(style[8:10]), 9)
    return None


def _item(paragraph: Paragraph, style: str, text: str, numbers: dict[tuple[str, int], int]) -> str:
    """A list item as Markdown, or "". Numbers are counted here: Word computes them when it draws."""
    if _heading_level(style) is not None:
        return ""
    place = _list_place(paragraph)
    if place is None and not style.startswith("list "):
        return ""
    name, level = place or (style, 0)
    indent = "  " * min(level, 5)
    if not _is_numbered(paragraph, style, name, level):
        return f"{indent}- {text}"
    numbers[name, level] = numbers.get((name, level), 0) + 1
    for deeper in [key for key in numbers if key[1] > level]:
        del numbers[deeper]
    return f"{indent}{numbers[name, level]}. {text}"


def _list_place(paragraph: Paragraph) -> tuple[str, int] | None:
    """(list id, level) from the paragraph itself or from its style."""
    elements = [paragraph._p.pPr]
    if paragraph.style is not None:
        elements.append(paragraph.style.element.find(qn("w:pPr")))
    for element in elements:
        found = element.find(qn("w:numPr")) if element is not None else None
        if found is None:
            continue
        number, level = found.find(qn("w:numId")), found.find(qn("w:ilvl"))
        name = number.get(qn("w:val"), "0") if number is not None else "0"
        depth = level.get(qn("w:val"), "0") if level is not None else "0"
        if name != "0" or number is None:
            return name, int(depth) if depth.isdecimal() and len(depth) < 3 else 0
    return None


def _is_numbered(paragraph: Paragraph, style: str, name: str, level: int) -> bool:
    if style.startswith("list number"):
        return True
    if style.startswith("list bullet"):
        return False
    numbering = _numbering(paragraph)
    if numbering is None or not name.isdecimal():
        return False
    abstract = numbering.xpath(f"./w:num[@w:numId='{name}']/w:abstractNumId/@w:val")
    formats = (
        numbering.xpath(
            f"./w:abstractNum[@w:abstractNumId='{abstract[0]}']/w:lvl[@w:ilvl='{level}']/w:numFmt/@w:val"
        )
        if abstract and abstract[0].isdecimal()
        else []
    )
    return bool(formats) and formats[0] not in ("bullet", "none")


def _numbering(paragraph: Paragraph) -> etree._Element | None:
    part = paragraph.part
    try:
        return part.numbering_part.element if isinstance(part, DocumentPart) else None
    except (KeyError, NotImplementedError):
        return None


def _rows(block: Table, depth: int) -> list[list[str]]:
    """Cell texts, each in its column; a cell over columns stands in the first, one over rows in each."""
    if depth > MAX_DEPTH // 40:
        raise ExtractError("too_complex")
    rows = []
    for row in block.rows:
        cells = [""] * row.grid_cols_before
        last = None
        for cell in row.cells:
            cells.append("" if cell._tc is last else " ".join(_cell_texts(cell, depth)))
            last = cell._tc
        rows.append(cells)
    return rows


def _cell_texts(cell: _Cell, depth: int) -> Iterator[str]:
    for block in cell.iter_inner_content():
        if isinstance(block, Table):
            yield "; ".join(", ".join(row) for row in _rows(block, depth + 1))
        elif text := one_line(clean(block.text)):
            yield text
