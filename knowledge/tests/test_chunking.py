"""Pieces never exceed what the encoder reads, and nothing of the text is lost."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunking import LIMIT, TARGET, chunk, embed_text
from knowledge.extract import Section, sections


def words(text: str) -> int:
    return len(text.split())


def pieces(markdown: str, title: str = "Guide") -> list[str]:
    return [piece.text for piece in chunk(title, sections(markdown, "md").sections, words)]


def prose(count: int) -> str:
    return " ".join(f"w{number}" + ("." if number % 12 == 11 else "") for number in range(count))


def test_a_section_that_fits_stays_whole() -> None:
    assert pieces(f"# G\n\n{prose(100)}\n\n{prose(100)}") == [f"{prose(100)}\n\n{prose(100)}"]


def test_a_piece_never_crosses_a_heading() -> None:
    found = chunk(
        "Guide", sections("# G\n\n## A\n\none\n\n### B\n\ntwo\n\n## C\n\nthree", "md").sections, words
    )
    assert [(piece.heading, piece.text) for piece in found] == [
        ("A", "one"),
        ("A > B", "two"),
        ("C", "three"),
    ]


def test_a_long_section_is_cut_into_even_pieces_at_sentences() -> None:
    found = pieces(f"# G\n\n{prose(410)}")
    assert len(found) == 3
    assert all(text.endswith(".") for text in found[:-1])
    assert min(map(words, found)) > TARGET / 2


def test_a_list_stays_together_with_the_line_that_introduces_it() -> None:
    items = "\n".join(f"{number}. Step {number} {prose(10)}" for number in range(1, 9))
    found = pieces(f"# G\n\n{prose(170)}\n\nDo this:\n\n{items}")
    assert found[1].startswith("Do this:\n\n1. Step 1")
    assert "8. Step 8" in found[1]


def test_a_table_that_must_be_cut_keeps_its_header_in_every_piece() -> None:
    rows = "\n".join(f"| E-{number} | {prose(12)} |" for number in range(60))
    found = pieces(f"# G\n\nAll codes:\n\n| Code | Meaning |\n|---|---|\n{rows}")
    tables = [text for text in found if "E-" in text]
    assert len(tables) > 2
    assert all(text.count("| Code | Meaning |\n|---|---|\n") == 1 for text in tables)
    assert sum(text.count("| E-") for text in tables) == 60


def test_a_code_block_that_must_be_cut_is_fenced_in_every_piece() -> None:
    code = "\n".join(f"line {number} of the program" for number in range(100))
    assert all(text.startswith("```") and text.endswith("```") for text in pieces(f"# G\n\n```\n{code}\n```"))


def test_an_endless_word_is_cut_too() -> None:
    found = chunk("G", [Section((), "x" * 5_000)], len)
    assert "".join(piece.text for piece in found) == "x" * 5_000
    assert all(piece.tokens <= LIMIT for piece in found)


def test_long_titles_and_headings_leave_room_for_text() -> None:
    found = chunk("T" * 200, [Section(("H" * 5_000,), prose(500))], len)
    assert all(len(embed_text("T" * 200, piece.heading, piece.text)) <= LIMIT for piece in found)


def test_a_piece_knows_its_page_and_its_place() -> None:
    found = chunk("G", [Section((), "one", 1), Section((), "two", 2)], words)
    assert [(piece.page, piece.position) for piece in found] == [(1, 0), (2, 1)]


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab.-|#1 \n\t`>*:é"), max_size=3_000), st.integers(20, 80))
def test_no_piece_is_too_long_and_no_letter_is_lost(text: str, limit: int) -> None:
    found = chunk("", [Section((), text)], words, target=limit - 5, limit=limit)
    assert all(words(piece.text) <= limit for piece in found)
    letters = re.compile(r"[^ab1é]")
    cut = "".join(letters.sub("", piece.text) for piece in found)
    whole = letters.sub("", text)
    assert len(cut) >= len(whole)  # headers of tables are repeated
    if "|" not in text:
        assert cut == whole
