"""Sources as tests need them, and an embedder without a model."""

import io
import zipfile
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from docx import Document as word_document
from PIL import Image, ImageDraw, ImageFont

from joblynk.providers.types import Vectors
from knowledge import library
from knowledge.models import Document, Faq


class WordEmbedder:
    """Every word is a direction; a text is the sum of its words. Remembers what it was asked."""

    dimension = 32
    max_tokens = 254

    def __init__(self, name: str = "words") -> None:
        self.name = name
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked.extend(texts)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                seed = int.from_bytes(blake2b(word.encode(), digest_size=4).digest(), "big")
                vectors[row] += np.random.default_rng(seed).standard_normal(self.dimension)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return vectors

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def a_document(text: str = "# Refunds\n\nWithin 14 days.", **values: object) -> Document:
    document = Document(text=text, **values)
    library.save_document(document)
    return document


def a_faq(question: str = "How do I pay?", answer: str = "By card.", **values: object) -> Faq:
    faq = Faq(question=question, answer=answer, **values)
    library.save_faq(faq)
    return faq


def sections_text(count: int, words: int = 30) -> str:
    """Markdown with `count` sections that differ."""
    return "\n\n".join(
        f"## Part {n}\n\n" + " ".join(f"word{n}x{w}" for w in range(words)) for n in range(count)
    )


def a_docx(*paragraphs: str) -> bytes:
    document = word_document()
    for text in paragraphs:
        document.add_paragraph(text)
    return _saved(document)


def a_structured_docx() -> bytes:
    document = word_document()
    document.add_heading("Travel rules", 0)
    document.add_heading("Costs", 1)
    document.add_paragraph("Keep every receipt.")
    document.add_paragraph("Book", style="List Number")
    document.add_paragraph("Pay", style="List Number")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("City", "Limit", "Berlin", "120 | 130 EUR"), strict=True):
        cell.text = text
    document.add_heading("Trains", 2)
    document.add_paragraph("First class is not paid.")
    return _saved(document)


def docx_with(name: str, content: bytes) -> bytes:
    """A sound .docx in which one part is replaced or added."""
    source = zipfile.ZipFile(io.BytesIO(a_docx("Hello")))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in source.infolist():
            if entry.filename != name:
                archive.writestr(entry.filename, source.read(entry))
        archive.writestr(name, content)
    return target.getvalue()


def a_pdf(*pages: Sequence[tuple[float, float, float, str]]) -> bytes:
    """Pages of (x, y, size, text) in Helvetica."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    kids = []
    for runs in pages:
        stream = "\n".join(f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET" for x, y, size, text in runs)
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    body, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    start = len(body)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    body += f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return body.encode("latin-1")


def a_scan(*pages: Sequence[str]) -> bytes:
    """A PDF whose pages are pictures of lines of print."""
    pictures = []
    for lines in pages:
        picture = Image.new("L", (900, 120 + 70 * len(lines)), 255)
        for number, line in enumerate(lines):
            ImageDraw.Draw(picture).text((60, 60 + 70 * number), line, 0, ImageFont.load_default(40))
        pictures.append(picture)
    buffer = io.BytesIO()
    pictures[0].save(buffer, "PDF", save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


def _saved(document: object) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)  # type: ignore[attr-defined]
    return buffer.getvalue()
