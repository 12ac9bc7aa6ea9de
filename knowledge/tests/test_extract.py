"""Hostile and broken files: each fails alone, with its own code, and the reader goes on."""

import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter

from knowledge.extract import ExtractError, Extractor
from knowledge.tests.builders import a_docx, a_pdf, docx_with


def docx_of_xml(xml: bytes) -> bytes:
    return docx_with("word/document.xml", xml)


def word_body(inner: str) -> bytes:
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    document = f'<w:document xmlns:w="{namespace}"><w:body>{inner}</w:body></w:document>'
    return f'<?xml version="1.0"?>{document}'.encode()


def zip_of(entries: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(entries):
            archive.writestr(f"word/{number}.xml", "")
    return buffer.getvalue()


def encrypted_pdf() -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(a_pdf([(50, 700, 10, "secret")]))))
    writer.encrypt("password", algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def flate_pdf(raw: bytes) -> bytes:
    """One page whose content unpacks to `raw`."""
    packed = zlib.compress(raw, 9)
    head = a_pdf([(50, 700, 10, "x")])
    start, end = head.index(b"<< /Length"), head.index(b"endstream")
    stream = b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\n" % (len(packed), packed)
    return head[:start] + stream + head[end:]


def external_entity() -> bytes:
    return b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>'


def billion_laughs() -> bytes:
    rows = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha">{rows}]><d>&l9;</d>'.encode()


HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "nothing": ("md", lambda: b"", "empty"),
    "bytes called text": ("txt", lambda: bytes(range(256)) * 40, "damaged"),
    "an image called Markdown": ("md", lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + os.urandom(500), "damaged"),
    "a text over the limit": ("txt", lambda: b"word " * 1_100_000, "too_large"),
    "a file over the limit": ("md", lambda: b"a" * (20 * 1024 * 1024 + 1), "too_large"),
    "a PDF cut short": ("pdf", lambda: a_pdf([(50, 700, 10, "x")])[:60], "damaged"),
    "no PDF at all": ("pdf", lambda: b"hello", "damaged"),
    "a PDF of noise": ("pdf", lambda: b"%PDF-1.7\n" + os.urandom(5_000), "damaged"),
    "a PDF with a password": ("pdf", encrypted_pdf, "encrypted"),
    "a PDF of pictures": ("pdf", lambda: a_pdf([]), "no_text"),
    "a PDF that unpacks to 100 MB": ("pdf", lambda: flate_pdf(b" " * 100_000_000), "damaged"),
    "a PDF with text without end": (
        "pdf",
        lambda: flate_pdf(b"BT /F1 9 Tf " + b"(hello there) Tj " * 20_000),
        "*",
    ),
    "a docx cut short": ("docx", lambda: a_docx("x")[:2_000], "damaged"),
    "no zip": ("docx", lambda: b"PK\x03\x04" + os.urandom(100), "damaged"),
    "a zip that is no docx": ("docx", lambda: zip_of(3), "mislabelled"),
    "an old .doc": ("docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "encrypted"),
    "10,000 entries": ("docx", lambda: zip_of(10_000), "bomb"),
    "XML of 100 MB in 100 kB": ("docx", lambda: docx_of_xml(word_body(" " * 100_000_000)), "bomb"),
    "a picture of 200 MB": ("docx", lambda: docx_with("word/media/i.png", b"\0" * 200_000_000), "bomb"),
    "a million tags": ("docx", lambda: docx_of_xml(word_body("<w:p/>" * 1_000_000)), "bomb"),
    "tags in a part without a name": ("docx", lambda: docx_with("word/x.bin", b"<a>" * 1_000_000), "bomb"),
    "external entities": ("docx", lambda: docx_of_xml(external_entity()), "doctype"),
    "a billion laughs": ("docx", lambda: docx_of_xml(billion_laughs()), "doctype"),
    "a billion laughs in the styles": (
        "docx",
        lambda: docx_with("word/styles.xml", billion_laughs()),
        "doctype",
    ),
    "a DOCTYPE in UTF-16": (
        "docx",
        lambda: docx_of_xml(billion_laughs().decode().encode("utf-16")),
        "doctype",
    ),
    "tables in tables": (
        "docx",
        lambda: docx_of_xml(word_body("<w:tbl><w:tr><w:tc>" * 60 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 60)),
        "*",
    ),
    "XML 5,000 deep": ("docx", lambda: docx_of_xml(word_body("<w:p>" * 5_000 + "</w:p>" * 5_000)), "damaged"),
    "HTML 100,000 deep": ("html", lambda: b"<div>" * 100_000 + b"x", "*"),
    "an HTML list 5,000 deep": ("html", lambda: b"<ul><li>" * 5_000 + b"x", "*"),
    "quotes 100,000 deep": ("md", lambda: b">" * 100_000 + b" x", "*"),
    "brackets without end": ("md", lambda: b"[" * 100_000, "*"),
    "a table without end": ("md", lambda: b"|a" * 50_000 + b"|\n" + b"|-" * 50_000 + b"|\n", "*"),
    "an unknown format": ("exe", lambda: b"MZ", "unsupported"),
}


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor(wall_seconds=20, cpu_seconds=10) as shared:
        yield shared


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_fails_alone(name: str, extractor: Extractor, tmp_path: Path) -> None:
    """`*`: reading it or refusing it are both fine, as long as it ends in time."""
    format, build, code = HOSTILE[name]
    path = tmp_path / f"file.{format}"
    path.write_bytes(build())
    try:
        extractor.file(path, format)
    except ExtractError as error:
        assert error.code == code or code == "*"
        assert error.words.endswith(".")
    else:
        assert code == "*"
    assert extractor.text("still here", "md").sections[0].text == "still here"


def test_a_file_that_is_gone_is_missing(extractor: Extractor, tmp_path: Path) -> None:
    with pytest.raises(ExtractError, match="missing"):
        extractor.file(tmp_path / "none.pdf", "pdf")


@pytest.mark.parametrize("limits", [{"wall_seconds": 3.0}, {"cpu_seconds": 1}])
def test_a_file_that_takes_too_long_is_given_up(limits: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "endless.pdf"
    path.write_bytes(flate_pdf(b"BT /F1 9 Tf " + b"(hello there) Tj " * 800_000))
    with Extractor(**limits) as extractor:
        with pytest.raises(ExtractError, match="timeout"):
            extractor.file(path, "pdf")
        assert extractor.text("next", "md").sections[0].text == "next"


def test_a_file_that_takes_too_much_memory_is_given_up() -> None:
    with Extractor(memory_bytes=120 * 1024 * 1024) as extractor:
        with pytest.raises(ExtractError, match="too_complex"):
            extractor.text("<p>word</p>" * 400_000, "html")
        assert extractor.text("next", "md").sections[0].text == "next"


def test_a_reader_that_dies_is_replaced() -> None:
    with Extractor() as extractor:
        extractor.text("one", "md")
        assert extractor._child is not None
        extractor._child.kill()
        with pytest.raises(ExtractError):
            extractor.text("two", "md")
        assert extractor.text("three", "md").sections[0].text == "three"


def test_the_reader_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "canary")
    with Extractor() as extractor:
        extractor.text("one", "md")
        assert extractor._child is not None
        assert b"canary" not in Path(f"/proc/{extractor._child.pid}/environ").read_bytes()
