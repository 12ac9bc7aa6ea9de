"""What every format is turned into, and how it fails."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_TEXT_CHARS = 5_000_000  # about 7,000 passages
MAX_DEPTH = 200  # nested elements
MAX_PAGES = 3_000
MAX_SCANNED = 200  # pages without text whose pictures are read
_SPREAD = 200  # columns up to which a cell is wider than one
_REPEATED = 200  # characters of a cell that is said in each row it reaches over

ErrorCode = Literal[
    "missing",
    "unsupported",
    "empty",
    "too_large",
    "damaged",
    "mislabelled",
    "encrypted",
    "bomb",
    "doctype",
    "no_text",
    "scan_too_long",
    "too_wide",
    "too_complex",
    "timeout",
    "crashed",
]

WORDS: dict[ErrorCode, str] = {
    "missing": "The file is no longer on the server. Upload it again.",
    "unsupported": "This kind of file cannot be read. Use Markdown, text, HTML, PDF, CSV, Word (.docx), "
    "PowerPoint (.pptx) or Excel (.xlsx).",
    "empty": "There is no text in this document.",
    "too_large": f"The file is larger than {MAX_FILE_BYTES // 1024 // 1024} MB or holds too much text. "
    "Split it into several documents.",
    "damaged": "The file is damaged, or is not what its name says. Save it again and upload the new copy.",
    "mislabelled": "The file is not what the end of its name says. Open it in the program it comes from, "
    "save it there, and upload the new copy.",
    "encrypted": "The file is protected by a password. Save a copy without it and upload that.",
    "bomb": "The file unpacks to far more than its size. Save it again and upload the new copy.",
    "doctype": "The file contains definitions (DOCTYPE) that are not accepted. Save it again in the "
    "program it comes from.",
    "no_text": "There is no text in this file: the pages are empty, or hold pictures of text only that "
    "could not be read. Upload a version with real text, or a sharper scan.",
    "scan_too_long": f"This scan is too long to be read: {MAX_SCANNED} pages, and ten minutes, are the most. "
    "Split it, or upload a version with real text.",
    "too_wide": "The table has more than 200 columns. Leave out those that nobody asks for.",
    "too_complex": "Reading the file took too much memory. Split it, or save it in a simpler format.",
    "timeout": "Reading the file took too long. Split it, or save it in a simpler format.",
    "crashed": "The file made the reader stop. Save it again in another format.",
}


class ExtractError(Exception):
    """A document that cannot be read. `words` is for staff; nothing of the content is in it."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code
        self.words = WORDS[code]


@dataclass(frozen=True, slots=True)
class Section:
    """Text below one heading: Markdown. `headings` is the path to it, without the document's title."""

    headings: tuple[str, ...]
    text: str
    page: int | None = None
    ocr: bool = False
    """Read from a picture."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """`title` is empty when the document has none; `pages` is None when it has no pages. `scanned` are
    the pages, from 1, that hold pictures and no text."""

    title: str
    sections: tuple[Section, ...]
    pages: int | None = None
    scanned: tuple[int, ...] = ()


# Line ends, NUL and other controls, lone surrogates, and marks that reverse the reading direction.
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_JUNK = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_BLANKS = re.compile(r"\s+")


def clean(text: str) -> str:
    """Text that any database takes, with plain line ends."""
    return _JUNK.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()


def table(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is the header, after those that are titles because only their first
    cell is filled. Every row gets as many cells as the longest."""
    rows = [row for row in rows if any(row)]
    if not rows:
        return ""
    width = max(map(len, rows))
    titles = list(takewhile(lambda row: row[0] and not any(row[1:]), rows[:-2] if width > 1 else []))
    lines = [
        "| " + " | ".join(_cell(c) for c in row + [""] * (width - len(row))) + " |"
        for row in rows[len(titles) :]
    ]
    whole = "\n".join((lines[0], "|" + " --- |" * width, *lines[1:]))
    return "\n\n".join((*(one_line(row[0]) for row in titles), whole))


def spread(rows: Iterable[Iterable[tuple[str, int, int]]]) -> Iterator[list[str]]:
    """Rows of cells (text, columns, rows) → rows with a cell at every place. What reaches over rows stands
    in each of them, unless it is long; what reaches over columns stands in the first."""
    reaching: dict[int, tuple[str, int]] = {}  # by column, and over how many rows more
    for row in rows:
        line = {column: text for column, (text, _) in reaching.items()}
        reaching = {column: (text, more - 1) for column, (text, more) in reaching.items() if more > 1}
        column = 0
        for text, columns, height in row:
            while column in line:
                column += 1
            for place in range(column, column + max(min(columns, _SPREAD - column), 1)):
                line[place] = text if place == column else ""
                if height > 1:
                    reaching[place] = (line[place] if len(text) <= _REPEATED else "", height - 1)
        yield [line.get(place, "") for place in range(max(line, default=-1) + 1)]


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")


class Outline:
    """Collects blocks of Markdown under a running path of headings.

    The first heading becomes the title when nothing but a subtitle-free start comes before it.
    """

    def __init__(self) -> None:
        self.title = ""
        self._path: list[tuple[int, str]] = []
        self._blocks: list[str] = []
        self._page: int | None = None
        self._sections: list[Section] = []
        self._chars = 0

    def heading(self, level: int, text: str, page: int | None = None) -> None:
        text = one_line(text)
        if not text:
            return
        self._close()
        if level == 1 and not self.title and not self._sections and not self._path:
            self.title = text
            return
        self._path = [(depth, name) for depth, name in self._path if depth < level]
        self._path.append((level, text))
        self._page = page

    def block(self, text: str, page: int | None = None) -> None:
        text = text.strip("\n").rstrip()
        if not text.strip():
            return
        if page != self._page:
            self._close()
            self._page = page
        self._chars += len(text)
        if self._chars > MAX_TEXT_CHARS:
            raise ExtractError("too_large")
        self._blocks.append(text)

    def finish(self, pages: int | None = None) -> Extracted:
        self._close()
        if not self._sections:
            if not self.title:
                raise ExtractError("empty")
            self._sections.append(Section((), self.title))
        return Extracted(self.title, tuple(self._sections), pages)

    def _close(self) -> None:
        if self._blocks:
            headings = tuple(name for _, name in self._path)
            self._sections.append(Section(headings, "\n\n".join(self._blocks), self._page))
            self._blocks = []
