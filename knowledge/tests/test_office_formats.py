"""Tables, sheets, slides and scans: what is seen is what the sections hold."""

import io
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from docx import Document as open_docx
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Inches

from knowledge.chunking import chunk
from knowledge.extract import Extracted, ExtractError, Extractor
from knowledge.tests.builders import a_pdf, a_scan

Read = Callable[[bytes, str], Extracted]


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as shared:
        yield shared


@pytest.fixture
def read(extractor: Extractor, tmp_path: Path) -> Read:
    def read(content: bytes, format: str) -> Extracted:
        path = tmp_path / f"file.{format}"
        path.write_bytes(content)
        return extractor.file(path, format)

    return read


def saved(document: object) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)  # type: ignore[attr-defined]
    return buffer.getvalue()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_csv_file_is_a_table_whatever_separates_and_encodes_it(
    separator: str, encoding: str, read: Read
) -> None:
    rows = [["Stadt", "Höchstbetrag", "Gültig für"], ["Köln", '"120 EUR, pro Nacht"', "alle Beschäftigten"]]
    rows += [["Düsseldorf", "110 EUR", "Führungskräfte größerer Büros"]] * 3
    found = read("\n".join(separator.join(row) for row in rows).encode(encoding), "csv")
    lines = found.sections[0].text.split("\n")
    assert lines[0] == "| Stadt | Höchstbetrag | Gültig für |"
    assert lines[2] == "| Köln | 120 EUR, pro Nacht | alle Beschäftigten |"


def a_table(format: str, rows: list[list[str]]) -> bytes:
    """A file that holds one table and nothing else."""
    if format == "csv":
        return "\n".join(",".join(row) for row in rows).encode()
    if format == "html":
        lines = ("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<table>{''.join(lines)}</table>".encode()
    if format == "xlsx":
        book = Workbook()
        for row in rows:
            book.active.append(row)
        return saved(book)
    deck, document = Presentation(), open_docx()
    if format == "docx":
        table = document.add_table(len(rows), len(rows[0]))
    else:
        slide = deck.slides.add_slide(deck.slide_layouts[6])
        table = slide.shapes.add_table(len(rows), len(rows[0]), 0, 0, Inches(4), Inches(4)).table
    for there, row in zip(table.rows, rows, strict=True):
        for cell, text in zip(there.cells, row, strict=True):
            cell.text = text
    return saved(document if format == "docx" else deck)


@pytest.mark.parametrize("format", ["csv", "html", "xlsx", "docx", "pptx"])
def test_every_piece_of_a_long_table_repeats_the_header(format: str, read: Read) -> None:
    rows = [[f"Item {n}", f"{n * 10} EUR", f"Shelf {n % 7}"] for n in range(60)]
    found = read(a_table(format, [["Name", "Price", "Place"], *rows]), format)
    pieces = chunk("Prices", found.sections, lambda text: len(text.split()))
    assert len(pieces) > 2
    assert all(piece.text.startswith("| Name | Price | Place |\n") for piece in pieces)


MERGED = [
    "Fees\n",
    "| Plan | Price | VAT |",
    "| --- | --- | --- |",
    "| Solo | 9 | yes |",
    "| Solo | 19 | no |",
    "| Both |  | no |",
]


def a_merged_table(table: Any) -> None:
    """A title over all columns, one cell over two rows, one over two columns."""
    table.cell(0, 0).merge(table.cell(0, 2))
    table.cell(2, 0).merge(table.cell(3, 0))
    table.cell(4, 0).merge(table.cell(4, 1))
    filled = {(0, 0): "Fees", (1, 0): "Plan", (1, 1): "Price", (1, 2): "VAT", (2, 0): "Solo", (2, 1): "9"}
    filled |= {(2, 2): "yes", (3, 1): "19", (3, 2): "no", (4, 0): "Both", (4, 2): "no"}
    for place, text in filled.items():
        table.cell(*place).text = text


def test_merged_cells_leave_every_value_under_its_header(read: Read) -> None:
    document, deck = open_docx(), Presentation()
    a_merged_table(document.add_table(5, 3))
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    a_merged_table(slide.shapes.add_table(5, 3, 0, 0, Inches(4), Inches(4)).table)
    page = b"""<table><tr><th colspan="3">Fees<tr><th>Plan<th>Price<th>VAT<tr><td rowspan="2">Solo<td>9<td>yes
        <tr><td>19<td>no<tr><td colspan="2">Both<td>no</table>"""
    for content, format in ((saved(document), "docx"), (saved(deck), "pptx"), (page, "html")):
        assert read(content, format).sections[0].text == "\n".join(MERGED), format


def test_a_table_cannot_grow_by_what_it_says_of_its_cells(read: Read) -> None:
    row = b'<tr><td colspan="9999" rowspan="9999">' + b"long " * 99 + b"</td><td>9</td></tr>"
    text = read(b"<table>" + row * 300 + b"</table>", "html").sections[0].text
    assert len(text) < 1_000_000


def test_a_list_without_separators_is_text(read: Read) -> None:
    assert read(b"First remark\nSecond remark\n", "csv").sections[0].text == "First remark\n\nSecond remark"


def test_each_sheet_stands_under_its_name_with_the_values_that_were_shown(read: Read) -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "Rates"
    sheet.append(["Rates of 2026"])
    sheet.append(["City", "Rate", "From", "At", "Paid"])
    sheet.append(["Berlin", 120.0, date(2026, 1, 2), datetime(2026, 1, 2, 9, 30), True])  # noqa: DTZ001  (as Excel has it)
    book.create_sheet("Empty")
    book.create_sheet("Notes").append(["Ask first."])
    hidden = book.create_sheet("Secret")
    hidden.append(["hidden", "words"])
    hidden.sheet_state = "hidden"
    found = read(saved(book), "xlsx")
    assert found.pages == 4
    assert [(section.headings, section.page, section.text) for section in found.sections] == [
        (
            ("Rates",),
            1,
            "Rates of 2026\n\n| City | Rate | From | At | Paid |\n| --- | --- | --- | --- | --- |\n"
            "| Berlin | 120 | 2026-01-02 | 2026-01-02 09:30 | yes |",
        ),
        (("Notes",), 3, "Ask first."),
    ]


def test_each_slide_stands_under_its_title_with_its_number_lists_tables_and_notes(read: Read) -> None:
    deck = Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text, first.placeholders[1].text = "Travel", "Rules for everybody"
    second = deck.slides.add_slide(deck.slide_layouts[1])
    second.shapes.title.text = "Booking"
    frame = second.placeholders[1].text_frame
    frame.text = "Ask your lead"
    below = frame.add_paragraph()
    below.text, below.level = "in writing", 1
    second.notes_slide.notes_text_frame.text = "Mention the deadline."
    third = deck.slides.add_slide(deck.slide_layouts[6])
    table = third.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for place, text in enumerate(("City", "Limit", "Berlin", "120")):
        table.cell(place // 2, place % 2).text = text
    found = read(saved(deck), "pptx")
    assert (found.title, found.pages) == ("Travel", 3)
    assert [(section.headings, section.page, section.text) for section in found.sections] == [
        ((), 1, "Rules for everybody"),
        (("Booking",), 2, "- Ask your lead\n  - in writing\n\nMention the deadline."),
        (("Slide 3",), 3, "| City | Limit |\n| --- | --- |\n| Berlin | 120 |"),
    ]


def test_scanned_pages_are_read_page_by_page_and_marked(read: Read) -> None:
    found = read(a_scan(["Refunds are paid", "within 14 days."], ["Ask for the form."]), "pdf")
    assert found.pages == 2
    assert [(section.page, section.ocr, section.text) for section in found.sections] == [
        (1, True, "Refunds are paid\nwithin 14 days."),
        (2, True, "Ask for the form."),
    ]
    assert [piece.ocr for piece in chunk("", found.sections, len)] == [True, True]


def test_pages_with_text_are_not_read_from_pictures(read: Read) -> None:
    found = read(a_pdf([(50, 700, 10, "Real text.")]), "pdf")
    assert (found.scanned, found.sections[0].ocr) == ((), False)


def test_a_scan_without_a_word_says_so(read: Read) -> None:
    with pytest.raises(ExtractError, match="no_text"):
        read(a_scan([]), "pdf")


def test_a_slow_scan_shows_signs_of_life(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(a_scan(["One line."]))
    beats: list[int] = []
    with Extractor() as extractor:
        extractor.file(path, "pdf", lambda: beats.append(1))
    assert len(beats) > 1
