"""Reindexing that staff ask for: some sources, what changed, or everything. Runs in the worker; staff see
how far it is, and the history keeps who wanted it and what it cost."""

from collections.abc import Sequence
from time import monotonic

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django_tasks import task

from knowledge import ingest, library

_TELL_SECONDS = 0.5

Asker = AbstractBaseUser | AnonymousUser | None


def ask_chosen(sources: Sequence[tuple[library.Kind, int]], reason: str, by: Asker) -> None:
    """Have these read again, after the commit."""
    told = list(sources)
    documents = [pk for kind, pk in sources if kind == "document"]
    library.await_reading(documents)
    transaction.on_commit(lambda: rebuild_chosen.enqueue(told, reason, by.pk if by else None))


def ask_all(scope: ingest.Scope, reason: str, by: Asker) -> None:
    transaction.on_commit(lambda: rebuild_all.enqueue(scope, reason, by.pk if by else None))


@task()
def rebuild_all(scope: ingest.Scope, reason: str, by: int | None) -> None:
    told = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal told
        if monotonic() - told > _TELL_SECONDS or done == total:
            library.note_progress(done, total)
            told = monotonic()

    ingest.reindex(scope, progress=progress, reason=reason, by=_user(by))


@task()
def rebuild_chosen(sources: list[tuple[library.Kind, int]], reason: str, by: int | None) -> None:
    build = library.begin_chosen(f"{reason} ({len(sources)})", len(sources), _user(by))
    try:
        for done, (kind, pk) in enumerate(sources, 1):
            report = ingest.run(pk) if kind == "document" else ingest.run_faq(pk)
            build.embedded += report.embedded
            build.kept += report.kept
            build.removed += report.removed
            build.failed += report.failed
            library.note_progress(done, len(sources), build.pk)
    except BaseException as error:
        build.error = type(error).__name__
        raise
    finally:
        library.end_build(build)


def _user(pk: int | None) -> AbstractBaseUser | None:
    return get_user_model()._default_manager.filter(pk=pk).first() if pk is not None else None
