"""120 files that are broken, or made to break whoever reads them. Each is built when it is wanted."""

import gzip
import io
import random
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from openpyxl import Workbook
from pptx import Presentation
from pypdf import PdfReader, PdfWriter

from knowledge.tests.builders import a_docx, a_pdf

FORMATS = ("md", "txt", "html", "csv", "pdf", "docx", "pptx", "xlsx")
OFFICE = {"docx": "word/document.xml", "pptx": "ppt/slides/slide1.xml", "xlsx": "xl/worksheets/sheet1.xml"}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2_000
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"


@dataclass(frozen=True, slots=True)
class Hostile:
    """`code`: the reason it has to fail for; "" when reading it is as good as refusing it."""

    name: str
    format: str
    build: Callable[[], bytes]
    code: str = ""


def files() -> list[Hostile]:
    return [*_broken(), *_bombs(), *_entities(), *_archives(), *_sheets(), *_deep(), *_pdfs(), *_texts()]


def sound(format: str) -> bytes:
    """A good file of an office format or a PDF."""
    if format == "pdf":
        return a_pdf([(50, 700, 10, "Refunds are paid within 14 days."), (50, 600, 10, "Ask.")])
    if format == "docx":
        return a_docx("Refunds are paid within 14 days.", "Ask.")
    buffer = io.BytesIO()
    if format == "pptx":
        deck = Presentation()
        deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "Refunds"
        deck.save(buffer)
    else:
        book = Workbook()
        book.active.append(["Case", "Days"])
        book.active.append(["Refund", 14])
        book.save(buffer)
    return buffer.getvalue()


def with_part(format: str, name: str, content: bytes, flag: int = 0) -> bytes:
    """A good office file with one part replaced or added; `flag` is set on every entry."""
    source = zipfile.ZipFile(io.BytesIO(sound(format)))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in source.infolist():
            if entry.filename != name:
                archive.writestr(entry.filename, source.read(entry))
        archive.writestr(name, content)
    if not flag:
        return target.getvalue()
    raw = bytearray(target.getvalue())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(signature)
        while at >= 0:
            raw[at + place] |= flag
            at = raw.find(signature, at + 4)
    return bytes(raw)


def flate_pdf(raw: bytes, filters: str = "/FlateDecode", packed: bytes | None = None) -> bytes:
    """One page whose content unpacks to `raw`."""
    content = zlib.compress(raw, 9) if packed is None else packed
    head = a_pdf([(50, 700, 10, "x")])
    start, end = head.index(b"<< /Length"), head.index(b"endstream")
    opening = b"<< /Length %d /Filter %s >>\nstream\n" % (len(content), filters.encode())
    return head[:start] + opening + content + b"\n" + head[end:]


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311


def _broken() -> Iterator[Hostile]:
    for format in FORMATS:
        yield Hostile(f"nothing at all, {format}", format, lambda: b"", "empty")
        yield Hostile(f"NULs, {format}", format, lambda: b"\0" * 5_000, "damaged")
        yield Hostile(f"noise, {format}", format, lambda: b"\0" + noise(20_000), "damaged")
    for format in ("pdf", "docx", "pptx", "xlsx"):
        for share in (1, 5, 9):
            cut = _cut(format, share)
            yield Hostile(f"the first {share}0 %, {format}", format, cut, "damaged")
        yield Hostile(f"only the beginning, {format}", format, _only_start(format), "damaged")
    for inside, named in (("docx", "xlsx"), ("xlsx", "pptx"), ("pptx", "docx")):
        yield Hostile(f"a {inside} called {named}", named, _sound(inside), "mislabelled")
    for inside, named in (
        ("pdf", "docx"),
        ("docx", "pdf"),
        ("xlsx", "pdf"),
        ("pdf", "xlsx"),
        ("pdf", "pptx"),
    ):
        yield Hostile(f"a {inside} called {named}", named, _sound(inside), "damaged")
    for named in ("txt", "md", "html", "csv"):
        yield Hostile(
            f"a picture called {named}", named, lambda: b"\x89PNG\r\n\x1a\n\0\0" + noise(900), "damaged"
        )
        yield Hostile(
            f"an archive called {named}", named, lambda: b"\x1f\x8b\0" + gzip.compress(noise(900)), "damaged"
        )
    for format in ("docx", "pptx", "xlsx"):
        yield Hostile(f"a password, {format}", format, lambda: _OLE, "encrypted")
        yield Hostile(f"an encrypted entry, {format}", format, _flagged(format), "encrypted")
    yield Hostile("a password, pdf", "pdf", _encrypted_pdf, "encrypted")


def _bombs() -> Iterator[Hostile]:
    for format, part in OFFICE.items():
        yield Hostile(
            f"XML of 100 MB, {format}", format, _part(format, part, b"<a>" + b" " * 100_000_000), "bomb"
        )
        yield Hostile(
            f"a picture of 200 MB, {format}",
            format,
            _part(format, "media/i.png", b"\0" * 200_000_000),
            "bomb",
        )
        yield Hostile(f"5 million tags, {format}", format, _part(format, "x.bin", b"<a>" * 5_000_000), "bomb")
        yield Hostile(f"10,000 entries, {format}", format, _many_entries, "bomb")


def _entities() -> Iterator[Hostile]:
    for format, part in OFFICE.items():
        yield Hostile(f"a foreign entity, {format}", format, _part(format, part, _xxe()), "doctype")
        yield Hostile(f"a billion laughs, {format}", format, _part(format, part, _laughs()), "doctype")
        hidden = _laughs().decode().encode("utf-16")
        yield Hostile(f"a billion laughs in UTF-16, {format}", format, _part(format, part, hidden), "doctype")
        yield Hostile(
            f"entities beside, {format}", format, _part(format, "custom/item1.xml", _xxe()), "doctype"
        )
    yield Hostile("entities in a web page", "html", lambda: _xxe() + b"<p>text</p>")


def _archives() -> Iterator[Hostile]:
    for format in OFFICE:
        yield Hostile(f"a path that climbs, {format}", format, _part(format, "../../../tmp/canary", b"x"))
        yield Hostile(f"an absolute path, {format}", format, _part(format, "/tmp/canary", b"x"))  # noqa: S108
    yield Hostile("a zip in a zip in a zip", "docx", _nested_zips, "mislabelled")


def _sheets() -> Iterator[Hostile]:
    sheet = OFFICE["xlsx"]
    for name, rows, code in (
        ("a cell in the last row", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', "*"),
        (
            "200,000 rows of one cell",
            "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 250_000)),
            "too_large",
        ),
        ("300 columns", '<row r="1">' + "<c><v>7</v></c>" * 300 + "</row>", "too_wide"),
        ("strings that are not there", '<row r="1"><c t="s"><v>99999999</v></c></row>', "damaged"),
        (
            "rows that go back",
            '<row r="9"><c r="A9"><v>1</v></c></row><row r="1"><c r="A1"><v>2</v></c></row>',
            "*",
        ),
        (
            "numbers that are none",
            '<row r="1"><c r="A1"><v>1e99999</v></c><c r="B1"><v>nan</v></c></row>',
            "*",
        ),
        ("dates beyond the calendar", '<row r="1"><c r="A1" t="d"><v>99999-99-99</v></c></row>', "*"),
    ):
        size = '<dimension ref="A1:XFD1048576"/>'
        xml = f'<worksheet xmlns="{_SHEET}">{size}<sheetData>{rows}</sheetData></worksheet>'
        yield Hostile(name, "xlsx", _part("xlsx", sheet, xml.encode()), "" if code == "*" else code)
    yield Hostile("a CSV of 300 columns", "csv", lambda: b",".join([b"a"] * 300) + b"\n", "too_wide")
    yield Hostile("a quote without end", "csv", lambda: b'a,b\n"' + b"x,y\n" * 100_000, "damaged")
    yield Hostile("a million rows", "csv", lambda: b"1,2\n" * 1_300_000, "too_large")
    yield Hostile("a ragged million of cells", "csv", lambda: b"a\n" * 600_000 + b"," * 190 + b"a\n")


def _deep() -> Iterator[Hostile]:
    nested = (
        f'<w:document xmlns:w="{_WORD}"><w:body>'
        + "<w:tbl><w:tr><w:tc>" * 60
        + "<w:p/>"
        + "</w:tc></w:tr></w:tbl>" * 60
        + "</w:body></w:document>"
    )
    yield Hostile("tables in tables", "docx", _part("docx", OFFICE["docx"], nested.encode()))
    groups = (
        f'<p:sld xmlns:p="{_SLIDE}" xmlns:a="{_DRAWING}"><p:cSld><p:spTree>'
        + "<p:grpSp>" * 60
        + "</p:grpSp>" * 60
        + "</p:spTree></p:cSld></p:sld>"
    )
    yield Hostile("groups in groups", "pptx", _part("pptx", OFFICE["pptx"], groups.encode()))
    for format, part in OFFICE.items():
        yield Hostile(
            f"XML 5,000 deep, {format}", format, _part(format, part, b"<a>" * 5_000 + b"</a>" * 5_000)
        )
    yield Hostile("HTML 100,000 deep", "html", lambda: b"<div>" * 100_000 + b"x")
    yield Hostile("a list 5,000 deep", "html", lambda: b"<ul><li>" * 5_000 + b"x")
    yield Hostile("quotes 100,000 deep", "md", lambda: b">" * 100_000 + b" x")
    yield Hostile("brackets without end", "md", lambda: b"[" * 100_000)


def _pdfs() -> Iterator[Hostile]:
    yield Hostile("a stream of 100 MB", "pdf", lambda: flate_pdf(b" " * 100_000_000), "damaged")
    yield Hostile(
        "a stream packed twice",
        "pdf",
        lambda: flate_pdf(
            b"", "[/FlateDecode /FlateDecode]", zlib.compress(zlib.compress(b" " * 300_000_000, 9), 9)
        ),
        "damaged",
    )
    yield Hostile(
        "text without end",
        "pdf",
        lambda: flate_pdf(b"BT /F1 9 Tf " + b"(hello there) Tj " * 800_000),
        "timeout",
    )
    yield Hostile(
        "a page tree that bites its tail",
        "pdf",
        lambda: a_pdf([(9, 9, 9, "x")]).replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]"),
        "damaged",
    )
    yield Hostile("no pages", "pdf", lambda: a_pdf([]), "no_text")
    yield Hostile(
        "a picture of ten billion dots",
        "pdf",
        lambda: _picture_pdf("/Width 100000 /Height 100000", b"x"),
        "bomb",
    )
    yield Hostile(
        "a picture that is noise",
        "pdf",
        lambda: _picture_pdf("/Width 900 /Height 900 /Filter /DCTDecode", noise(5_000)),
        "no_text",
    )
    yield Hostile(
        "a picture with fewer dots than it says",
        "pdf",
        lambda: _picture_pdf("/Width 5000 /Height 5000", b"\0" * 300),
        "no_text",
    )


def _texts() -> Iterator[Hostile]:
    yield Hostile("a text over the limit", "txt", lambda: b"word " * 1_100_000, "too_large")
    yield Hostile("a file over the limit", "md", lambda: b"a" * (20 * 1024 * 1024 + 1), "too_large")
    yield Hostile("a table without end", "md", lambda: b"|a" * 50_000 + b"|\n" + b"|-" * 50_000 + b"|\n")
    yield Hostile("one word of 1 MB", "txt", lambda: b"a" * 1_000_000)
    yield Hostile("only a comment", "md", lambda: b"<!-- nothing -->", "empty")
    yield Hostile("only script", "html", lambda: b"<script>alert(1)</script>", "empty")


def _sound(format: str) -> Callable[[], bytes]:
    return lambda: sound(format)


def _cut(format: str, tenths: int) -> Callable[[], bytes]:
    def cut() -> bytes:
        content = sound(format)
        return content[: len(content) * tenths // 10]

    return cut


def _only_start(format: str) -> Callable[[], bytes]:
    return lambda: sound(format)[:40] + noise(400)


def _part(format: str, name: str, content: bytes) -> Callable[[], bytes]:
    return lambda: with_part(format, name, content)


def _flagged(format: str) -> Callable[[], bytes]:
    return lambda: with_part(format, "x.bin", b"x", flag=1)


def _encrypted_pdf() -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(sound("pdf"))))
    writer.encrypt("password", algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def _many_entries() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(10_000):
            archive.writestr(f"part/{number}.xml", "")
    return buffer.getvalue()


def _nested_zips() -> bytes:
    content = b"\0" * 1_000_000
    for _ in range(8):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(8):
                archive.writestr(f"{number}.zip", content)
        content = buffer.getvalue()
    return content


def _xxe() -> bytes:
    return b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>'


def _laughs() -> bytes:
    rows = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha">{rows}]><d>&l9;</d>'.encode()


def _picture_pdf(keys: str, data: bytes) -> bytes:
    """One page without text that shows one picture."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /XObject << /I 4 0 R >> >> "
        b"/Contents 5 0 R >>",
        b"<< /Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 8 %s /Length %d >>\n"
        b"stream\n%s\nendstream" % (keys.encode(), len(data), data),
        b"<< /Length 20 >>\nstream\n595 0 0 842 0 0 cm /I Do\nendstream",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    return body + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
