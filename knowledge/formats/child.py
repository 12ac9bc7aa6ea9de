"""The process that opens what strangers wrote: `python -m knowledge.formats.child MEMORY CPU`.

Reads one JSON object a line from standard input, {"path" | "text", "format"}, and answers each with one
line: {"title", "sections": [[headings, text, page, ocr]], "pages", "scanned"} or {"error": code}. With
{"path", "picture": page} it reads the pictures of one page of a PDF. MEMORY is in bytes for the process,
CPU in seconds for each question.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from knowledge.formats.csv import read_csv
from knowledge.formats.encodings import decoded
from knowledge.formats.html import read_html
from knowledge.formats.markdown import read_markdown, read_text
from knowledge.formats.types import MAX_FILE_BYTES, Extracted, ExtractError

PICTURE_MEMORY = 1_792 * 1024 * 1024
"""Bytes of address space. The models that read pictures take 700 MB of memory, and twice that of space."""


def read(question: dict[str, Any]) -> Extracted:
    """Raises `ExtractError`, or what a reader stumbled over: the caller names it."""
    format = question["format"]
    if "text" in question:
        return _read_text(question["text"], format)
    path = Path(question["path"])
    if not path.is_file():
        raise ExtractError("missing")
    size = path.stat().st_size
    if not size:
        raise ExtractError("empty")
    if size > MAX_FILE_BYTES:
        raise ExtractError("too_large")
    if "picture" in question:
        return _read_picture(path, question["picture"])
    # These readers take longer to import than most texts take to read.
    match format:
        case "pdf":
            from knowledge.formats.pdf import read_pdf

            return read_pdf(path)
        case "docx":
            from knowledge.formats.docx import read_docx

            return read_docx(path)
        case "pptx":
            from knowledge.formats.pptx import read_pptx

            return read_pptx(path)
        case "xlsx":
            from knowledge.formats.xlsx import read_xlsx

            return read_xlsx(path)
    return _read_text(decoded(path.read_bytes()), format)


def _read_picture(path: Path, page: int) -> Extracted:
    from knowledge.formats.pictures import read_page

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return Extracted("", read_page(path, page))


def _read_text(text: str, format: str) -> Extracted:
    match format:
        case "csv":
            return read_csv(text)
        case "md":
            return read_markdown(text)
        case "txt":
            return read_text(text)
        case "html":
            return read_html(text)
    raise ExtractError("unsupported")


def _limit_cpu(seconds: int) -> None:
    """CPU limits count from the start of the process, so each document moves the line."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, hard))


def _answer(line: str) -> dict[str, Any]:
    try:
        found = read(json.loads(line))
    except ExtractError as error:
        return {"error": error.code}
    except (MemoryError, RecursionError):
        return {"error": "too_complex"}
    except Exception:  # noqa: BLE001  (readers meet damage with whatever their code stumbles over)
        return {"error": "damaged"}
    sections = [[one.headings, one.text, one.page, one.ocr] for one in found.sections]
    return {"title": found.title, "sections": sections, "pages": found.pages, "scanned": found.scanned}


def main() -> None:
    memory, cpu = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, max(memory, PICTURE_MEMORY)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        _limit_cpu(cpu)
        sys.stdout.write(json.dumps(_answer(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
