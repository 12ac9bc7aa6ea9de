"""Files and texts → sections under their headings. The door to `knowledge.formats`.

`sections` reads trusted, small text in this process. Everything that was uploaded goes through
`Extractor`: a child process with a limit on memory, CPU and wall time, an empty environment, and no
way to write a file. A file that kills the child fails alone. Pages of a PDF that are pictures are read
page by page, each as a question of its own with limits of its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from joblynk.children import TooSlow, exchange
from knowledge.formats.markdown import read_markdown, read_text
from knowledge.formats.types import MAX_SCANNED, Extracted, ExtractError, Section

__all__ = ["ExtractError", "Extracted", "Extractor", "Section", "extract", "sections"]

WALL_SECONDS = 60.0
MEMORY_BYTES = 768 * 1024 * 1024
CPU_SECONDS = 30
SCAN_SECONDS = 600.0
"""For all scanned pages of a document together."""
_BARREN_SECONDS = 45.0
"""Scanned pages that brought no text in this time will not bring any."""
_LIFE = 200  # documents a child reads before a fresh one takes over
_ROOT = Path(__file__).resolve().parent.parent
Alive = Callable[[], None]


def _silent() -> None:
    """Nobody wants to know."""


def sections(text: str, format: Literal["md", "txt", "html", "faq"]) -> Extracted:
    """Read text in this process; an FAQ's answer is Markdown. Raises `ExtractError`."""
    match format:
        case "md" | "faq":
            return read_markdown(text)
        case "html":
            from knowledge.formats.html import read_html  # 5 MB that no web process needs

            return read_html(text)
        case "txt":
            return read_text(text)


def extract(path: Path, format: str) -> Extracted:
    """Read one file in a child of its own. Raises `ExtractError`."""
    with Extractor() as extractor:
        return extractor.file(path, format)


class Extractor:
    """One child process for many documents, started at first use and replaced when it dies.

    Not for several threads at once. Limits are per document; memory is per child.
    """

    def __init__(
        self,
        *,
        wall_seconds: float = WALL_SECONDS,
        cpu_seconds: int = CPU_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._wall_seconds = wall_seconds
        self._limits = [str(memory_bytes), str(cpu_seconds)]
        self._child: subprocess.Popen[bytes] | None = None
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def file(self, path: Path, format: str, alive: Alive = _silent) -> Extracted:
        """`alive` is called every few seconds while the child reads. Raises `ExtractError`."""
        found = self._ask({"path": str(path), "format": format}, alive)
        if not found.scanned:
            return found
        try:
            seen = [section for page in self._scanned(path, found.scanned, alive) for section in page]
        finally:
            self.close()  # the models would keep their memory
        sections = sorted((*found.sections, *seen), key=lambda section: section.page or 0)
        if not sections:
            raise ExtractError("no_text")
        return replace(found, sections=tuple(sections))

    def text(self, text: str, format: str, alive: Alive = _silent) -> Extracted:
        """Raises `ExtractError`."""
        return self._ask({"text": text, "format": format}, alive)

    def close(self) -> None:
        if self._child is None:
            return
        self._child.kill()
        self._child.communicate()
        self._child = None

    def _scanned(self, path: Path, pages: tuple[int, ...], alive: Alive) -> Iterator[tuple[Section, ...]]:
        """The text of each page that is a picture. A picture that cannot be decoded has none."""
        if len(pages) > MAX_SCANNED:
            raise ExtractError("scan_too_long")
        began = time.monotonic()
        barren = True
        for page in pages:
            taken = time.monotonic() - began
            if taken > SCAN_SECONDS:
                raise ExtractError("scan_too_long")
            if barren and taken > _BARREN_SECONDS:
                raise ExtractError("no_text")
            try:
                found = self._ask({"path": str(path), "format": "pdf", "picture": page}, alive).sections
            except ExtractError as error:
                if error.code != "damaged":
                    raise
                found = ()
            barren = barren and not found
            yield found

    def _ask(self, question: dict[str, str | int], alive: Alive) -> Extracted:
        if self._read >= _LIFE:
            self.close()
        child = self._child or self._start()
        self._read += 1
        deadline = time.monotonic() + self._wall_seconds
        try:
            answer = exchange(child, json.dumps(question).encode() + b"\n", deadline, alive)
        except TooSlow:
            self.close()
            raise ExtractError("timeout") from None
        except BaseException:
            self.close()
            raise
        if answer is None:
            code = child.wait()
            self.close()
            # SIGXCPU, or SIGKILL at the hard limit, is how the kernel ends who overdraws the CPU.
            raise ExtractError("timeout" if code in (-24, -9) else "crashed")
        reply = json.loads(answer)
        if error := reply.get("error"):
            if error == "too_complex":
                self.close()  # its memory is in an unknown state
            raise ExtractError(error)
        return _extracted(reply)

    def _start(self) -> subprocess.Popen[bytes]:
        self._read = 0
        self._child = subprocess.Popen(  # noqa: S603  (our own module, numbers as arguments)
            [sys.executable, "-m", "knowledge.formats.child", *self._limits],
            cwd=_ROOT,
            env={"PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        return self._child


def _extracted(reply: dict[str, Any]) -> Extracted:
    found = tuple(
        Section(tuple(headings), text, page, ocr) for headings, text, page, ocr in reply["sections"]
    )
    return Extracted(reply["title"], found, reply["pages"], tuple(reply["scanned"]))
