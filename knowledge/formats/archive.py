"""Office files are zips of XML. Every entry is unpacked once, counted and thrown away, before a reader
may see the file: what a zip declares about its sizes is the sender's word.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from mmap import ACCESS_READ, mmap
from pathlib import Path

from lxml import etree

from knowledge.formats.types import ExtractError

MAX_ENTRIES = 2_000
MAX_XML_BYTES = 24 * 1024 * 1024
MAX_TAGS = 600_000  # about 0.5 kB of memory each, for readers that keep the whole tree
MAX_TOTAL_BYTES = 128 * 1024 * 1024
_BLOCK = 1 << 16
_ENCRYPTED = 0x1
_ENTRY = re.compile(rb"PK\x01\x02")  # begins each entry of the directory, which stands at a zip's end
_ZIP64_END = 76  # bytes that may stand between the directory and the end record
_OLE = b"\xd0\xcf\x11\xe0"  # how Office wraps a file with a password, and how .doc, .xls and .ppt begin


def holds_more_than(path: Path, entries: int) -> bool:
    """Whether a zip does. zipfile reads the whole directory first, and a million entries take it 7 s and
    580 MB, whatever number the end record tells: they are counted without it."""
    with path.open("rb") as file:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        if end is None:
            return False
        begins = end[zipfile._ECD_LOCATION] - end[zipfile._ECD_SIZE] - _ZIP64_END  # type: ignore[attr-defined]
        found = _ENTRY.finditer(mmap(file.fileno(), 0, access=ACCESS_READ), max(begins, 0))
        return next(islice(found, entries, None), None) is not None


def inspect(path: Path, part: str, max_tags: int = MAX_TAGS) -> None:
    """Refuse what unpacks to too much, hides a document type, wants a password, or holds no `part`.

    `max_tags`: in one XML part; a reader that streams may take more than `MAX_TAGS`.
    """
    with path.open("rb") as file:
        if file.read(4) == _OLE:
            raise ExtractError("encrypted")
    if not zipfile.is_zipfile(path):
        raise ExtractError("damaged")
    if holds_more_than(path, MAX_ENTRIES):
        raise ExtractError("bomb")
    with zipfile.ZipFile(path) as archive:
        total = 0
        for entry in archive.infolist():
            if entry.flag_bits & _ENCRYPTED:
                raise ExtractError("encrypted")
            total += _measure(archive, entry, MAX_TOTAL_BYTES - total, max_tags)
        if part not in archive.namelist():
            raise ExtractError("mislabelled")


def _measure(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowed: int, max_tags: int) -> int:
    """Bytes of one entry, read in blocks and not kept. Whatever looks like XML has the closer limits."""
    size = tags = 0
    xml = entry.filename.lower().endswith((".xml", ".rels"))
    before = b""
    with archive.open(entry) as file:
        while block := file.read(_BLOCK):
            if not size:
                xml = xml or block.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
            size += len(block)
            if size > allowed:
                raise ExtractError("bomb")
            if xml:
                tags += block.count(b"<")
                if size > MAX_XML_BYTES or tags > max_tags:
                    raise ExtractError("bomb")
                _check_xml(before + block)
                before = block[-32:]
    return size


def _check_xml(text: bytes) -> None:
    # UTF-16 hides the words behind NULs; no office program writes it.
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text or b"<\0" in text or b"\0<" in text:
        raise ExtractError("doctype")


@contextmanager
def xml_faults() -> Iterator[None]:
    """What lxml says of a part that it cannot read, in our words."""
    try:
        yield
    except etree.XMLSyntaxError as error:
        no_memory = error.code == etree.ErrorTypes.ERR_NO_MEMORY
        raise ExtractError("too_complex" if no_memory else "damaged") from error
