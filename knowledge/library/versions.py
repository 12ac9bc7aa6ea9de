"""The history of a document: who brought which text, and what became another."""

from collections import Counter
from collections.abc import Sequence

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from knowledge.models import Chunk, Document, DocumentVersion

_SHOWN_LINES = 40
_LINE = 200  # characters


def note_version(document: Document, by: AbstractBaseUser | None = None) -> None:
    """Begin a version when the content is another than the last one's. The row of `document` is locked:
    it was written in the same transaction."""
    last = document.versions.only("number", "content_hash").first()
    if last is not None and last.content_hash == document.content_hash:
        return
    DocumentVersion.objects.create(
        document=document,
        number=last.number + 1 if last else 1,
        by_id=by.pk if by else None,
        name=document.name,
        size=document.size,
        content_hash=document.content_hash,
    )


def unread_version(document: Document) -> DocumentVersion | None:
    """The version that waits for its text to be read, if it is the content of `document`."""
    last = document.versions.defer("difference").first()
    waits = last is not None and last.ready_at is None and last.content_hash == document.content_hash
    return last if waits else None


def served_texts(document: Document, recipe: str) -> list[str]:
    chunks = Chunk.objects.filter(document=document, recipe=recipe).order_by("position")
    return list(chunks.values_list("text", flat=True))


def complete_version(
    version: DocumentVersion, before: Sequence[str], after: Sequence[str], pages: int | None
) -> None:
    """It answers from now on. `before` and `after` are the passages of the text it replaces and its own."""
    version.ready_at = timezone.now()
    version.pages, version.chunks = pages, len(after)
    old, new = Counter(before), Counter(after)
    version.added, version.removed = (new - old).total(), (old - new).total()
    version.difference = difference(before, after) if before else []
    version.save()


def versions(document: Document) -> list[DocumentVersion]:
    """The latest first, with who brought it."""
    return list(document.versions.select_related("by"))


def difference(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The lines that one text has and the other has not, "- " and "+ " before them; a line that only
    moved is none. Linear in the texts, and bounded in what it returns."""
    old, new = _lines(before), _lines(after)
    gone, come = _beyond(old, Counter(new)), _beyond(new, Counter(old))
    half = _SHOWN_LINES // 2
    shown = [f"- {line}" for line in gone[:half]] + [f"+ {line}" for line in come[:half]]
    more = len(gone) + len(come) - len(shown)
    return [*shown, f"… {more} more changed lines"] if more else shown


def _lines(texts: Sequence[str]) -> list[str]:
    return [line.strip()[:_LINE] for text in texts for line in text.splitlines() if line.strip()]


def _beyond(lines: Sequence[str], others: Counter[str]) -> list[str]:
    """Those of `lines` that are not in `others`, as often as they are not."""
    left = Counter(others)
    found = []
    for line in lines:
        if left[line]:
            left[line] -= 1
        else:
            found.append(line)
    return found
