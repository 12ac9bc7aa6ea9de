"""Tables, sheets, slides and scans: what is seen is what the sections hold."""

import io
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
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


def test_every_piece_of_a_long_table_repeats_the_header(read: Read) -> None:
    rows = "\n".join(f"Item {n},{n * 10} EUR,Shelf {n % 7}" for n in range(200))
    found = read(f"Name,Price,Place\n{rows}".encode(), "csv")
    pieces = chunk("Prices", found.sections, lambda text: len(text.split()))
    assert len(pieces) > 3
    assert all(piece.text.startswith("| Name | Price | Place |\n") for piece in pieces)


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
