"""Is what is searched what staff wrote? Looks for everything that can go wrong below the admin pages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from joblynk.providers.types import Embedder
from knowledge import ingest
from knowledge.library import damage

Progress = Callable[[int, int], None]
"""Called with (looks taken, looks in all)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`subjects`: the first titles, where the trouble is that of a source."""

    what: str
    count: int
    remedy: str
    repairable: bool = True
    subjects: tuple[str, ...] = ()


_REINDEX = "reads their documents and FAQs again"
_SHOWN = 10


def inspect(embedder: Embedder, progress: Progress = lambda done, total: None) -> list[Finding]:
    """What is wrong; nothing when all is well. Writes nothing."""
    looks = _looks(embedder)
    found: list[Finding] = []
    for number, look in enumerate(looks, 1):
        found += [finding for finding in look() if finding.count]
        progress(number, len(looks))
    return found


def repair(embedder: Embedder, progress: ingest.Progress = lambda done, total: None) -> ingest.Report:
    """Drop what is damaged and read its sources again."""
    broken = {pk for look in _chunk_looks(embedder) for pk in look().chunk_ids}
    damage.mend(sorted(broken))
    return ingest.reindex(embedder=embedder, progress=progress, reason="manage.py check_knowledge --repair")


def _chunk_looks(embedder: Embedder) -> list[Callable[[], damage.Damage]]:
    return [
        lambda: damage.vectors(embedder.dimension) if _served(embedder) else damage.Damage("", 0, []),
        lambda: damage.strays(ingest.recipe(embedder)),
        damage.doubles,
        damage.tombstones,
        damage.unnumbered,
    ]


def _served(embedder: Embedder) -> bool:
    """Vectors of another model have another length; they are on their way out."""
    return ingest.serves(embedder)


def _looks(embedder: Embedder) -> list[Callable[[], Iterator[Finding]]]:
    def of_chunks(look: Callable[[], damage.Damage]) -> Callable[[], Iterator[Finding]]:
        def found() -> Iterator[Finding]:
            told = look()
            yield Finding(told.what, told.count, _REINDEX)

        return found

    return [*map(of_chunks, _chunk_looks(embedder)), lambda: _drift(embedder), _files]


def _drift(embedder: Embedder) -> Iterator[Finding]:
    reasons: dict[str, list[str]] = {}
    for drift in ingest.drift(embedder):
        reasons.setdefault(drift.reason, []).append(drift.title)
    for reason, titles in reasons.items():
        yield Finding(f"sources: {reason}", len(titles), _REINDEX, subjects=tuple(titles[:_SHOWN]))


def _files() -> Iterator[Finding]:
    titles = [str(document) for document in damage.lost_files()]
    yield Finding(
        "documents whose file is gone",
        len(titles),
        "is up to you: upload the file again, or delete the document. What was read of it goes on answering",
        repairable=False,
        subjects=tuple(titles[:_SHOWN]),
    )
