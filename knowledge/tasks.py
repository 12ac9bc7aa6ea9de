"""Background work. The row itself says what is due (`library.leases`); a task only rings for it, so that
a worker that was killed, or a task that was lost, costs time and nothing else.

Callers enqueue after the commit, by name: `transaction.on_commit` is in here.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django_tasks import task
from django_tasks.base import Task

from knowledge import ingest, library, resemblance
from knowledge.extract import Extractor
from knowledge.models import Document, Faq

_LATER = -10  # priority: whatever somebody waits for goes first
_TURN_SECONDS = 10.0
_LOOK_SECONDS = 60.0
"""Between two looks for near duplicates, which take up to 3 s of a large base."""
_looked, _looked_at = -_LOOK_SECONDS, -1  # by `time.monotonic`; the generation that was looked at
_one_at_a_time = Lock()
_extractor = Extractor()  # starts its child at first use; the child ends with this process


@task(priority=_LATER)
def ingest_document(document_id: int) -> None:
    _take("document", document_id)


@task(priority=_LATER)
def ingest_faq(faq_id: int) -> None:
    _take("faq", faq_id)


@task(priority=_LATER)
def reindex(scope: ingest.Scope = "changed", reason: str = "", user_id: int | None = None) -> None:
    ingest.reindex(scope, reason=reason, by=_user(user_id))
    resemblance.look()


@task(priority=_LATER)
def read_chosen(sources: list[tuple[library.Kind, int]], reason: str, user_id: int | None = None) -> None:
    """Read sources that somebody picked; the history of builds tells what that took."""
    build = library.begin_chosen(reason, len(sources), _user(user_id))

    def told(report: ingest.Report) -> None:
        build.embedded += report.embedded
        build.kept += report.kept
        build.removed += report.removed
        build.failed += report.failed

    try:
        for done, (kind, source_id) in enumerate(sources, 1):
            _take(kind, source_id, told)
            library.note_progress(build, done, len(sources))
    except BaseException as error:
        build.error = type(error).__name__
        raise
    finally:
        library.end_build(build)


@task(priority=_LATER)
def look_for_resemblances() -> dict[str, int]:
    return resemblance.look()._asdict()


def enqueue_chosen(sources: Sequence[tuple[library.Kind, int]], reason: str, user_id: int | None) -> None:
    """The same as `enqueue` for all of them, in one task that is remembered as a build."""
    for kind in library.KINDS:
        library.ask(kind, [pk for of, pk in sources if of == kind])
    transaction.on_commit(partial(read_chosen.enqueue, list(sources), reason, user_id))


def enqueue_reindex(scope: ingest.Scope, reason: str, user_id: int | None) -> None:
    transaction.on_commit(partial(reindex.enqueue, scope, reason, user_id))


def enqueue(row: Document | Faq) -> None:
    """Have `row` read once the running transaction, if any, has committed."""
    kind: library.Kind = "document" if isinstance(row, Document) else "faq"
    library.ask(kind, [row.pk])
    job: Task[Any, None] = ingest_document if kind == "document" else ingest_faq
    transaction.on_commit(partial(_send, job, row.pk))


def catch_up(reason: str) -> bool:
    """Have everything read that waits, or that another model or version read; False if there is nothing."""
    if not ingest.unfinished():
        return False
    reindex.enqueue("changed", reason)
    return True


def take_due() -> bool:
    """Read what is due and was not rung for: retries, what a killed worker held, and what is left of a build
    that was killed. Else it returns after some seconds even if more is left, and then True."""
    if library.left_undone():
        ingest.reindex(reason="taken over from a run that was interrupted")
    until = time.monotonic() + _TURN_SECONDS
    while found := library.due(1):
        if time.monotonic() > until:
            return True
        _take(*found[0])
    _look_when_calm()
    return False


def _look_when_calm() -> None:
    """Once what was brought has been read, staff find what it resembles without asking for it."""
    global _looked, _looked_at
    generation = library.state().generation
    if generation != _looked_at and time.monotonic() - _looked > _LOOK_SECONDS:
        resemblance.look()
        _looked, _looked_at = time.monotonic(), generation


def _take(kind: library.Kind, source_id: int, told: Callable[[ingest.Report], None] | None = None) -> None:
    with _one_at_a_time:
        ingest.take(kind, source_id, extractor=_extractor, told=told or (lambda report: None))


def _user(user_id: int | None) -> AbstractBaseUser | None:
    return get_user_model()._default_manager.filter(pk=user_id).first() if user_id else None


def _send(job: Task[Any, None], row_id: int) -> None:
    job.enqueue(row_id)
