"""The help centre that ships with the product: `demo/articles/*` and `demo/faqs.json`.

Each source remembers where it came from, so that loading twice adds nothing, a changed file brings
its document up to date, and a file that is gone takes its document with it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction

from knowledge import library, upload
from knowledge.models import Document, Faq, content_hash

FOLDER = Path(__file__).resolve().parent / "demo"
_ARTICLES, _FAQS = "demo/articles/", "demo/faqs/"


@dataclass(frozen=True, slots=True)
class Loaded:
    new: int
    changed: int
    removed: int


def load(folder: Path = FOLDER) -> Loaded:
    """Write documents and FAQs, without indexing them: `ingest.reindex` does that next."""
    with transaction.atomic():
        articles = _load_articles(sorted((folder / "articles").iterdir()))
        faqs = _load_faqs(json.loads((folder / "faqs.json").read_text(encoding="utf-8")))
    return Loaded(*(sum(pair) for pair in zip(articles, faqs, strict=True)))


def _load_articles(paths: list[Path]) -> tuple[int, int, int]:
    known = library.by_origin("document", _ARTICLES)
    new = changed = 0
    for path in paths:
        origin = _ARTICLES + path.name
        document = known.pop(origin, None)
        content = path.read_bytes()
        if isinstance(document, Document) and document.content_hash == content_hash(content):
            continue
        new, changed = new + (document is None), changed + (document is not None)
        _write_article(document if isinstance(document, Document) else Document(origin=origin), path, content)
    return new, changed, library.remove("document", [row.pk for row in known.values()]) if known else 0


def _write_article(document: Document, path: Path, content: bytes) -> None:
    file = ContentFile(content, path.name)
    document.format = upload.checked_format(path.name, len(content), file)
    document.name, document.title = path.name, ""  # the title is in the text
    library.save_document(document, file=file)


def _load_faqs(entries: list[dict[str, Any]]) -> tuple[int, int, int]:
    """The question is the key; another question is another FAQ."""
    known = library.by_origin("faq", _FAQS)
    new = changed = 0
    for entry in entries:
        origin = _FAQS + content_hash(entry["question"].encode())[:16]
        faq = known.pop(origin, None)
        values = {name: entry.get(name, []) for name in ("phrasings", "tags")} | {"answer": entry["answer"]}
        if faq is not None and all(getattr(faq, name) == value for name, value in values.items()):
            continue
        new, changed = new + (faq is None), changed + (faq is not None)
        written = faq if isinstance(faq, Faq) else Faq(origin=origin, question=entry["question"])
        for name, value in values.items():
            setattr(written, name, value)
        library.save_faq(written)
    return new, changed, library.remove("faq", [row.pk for row in known.values()]) if known else 0
