"""Runs of `reindex`: one at a time, and a killed one blocks nobody."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from joblynk.clock import database_now
from knowledge.models import IndexBuild, IndexState

SILENCE = timedelta(minutes=2)
"""A build that gave no sign of life for so long was killed."""


def begin_build(
    reason: str, by: AbstractBaseUser | None = None, *, everything: bool = False
) -> tuple[IndexBuild, bool]:
    """The new build, or the one that is running and False. It is of everything, too, if a killed one was."""
    with transaction.atomic():
        IndexState.objects.get_or_create(pk=1)
        IndexState.objects.select_for_update().get(pk=1)  # two that begin at once: one waits here
        alive = IndexBuild.objects.filter(
            finished_at=None, alive_at__gt=database_now() - SILENCE, chosen=False
        )
        if running := alive.first():
            return running, False
        everything = everything or _killed().filter(everything=True).exists()
        _close(_killed())
        return _begun(reason, by, everything=everything), True


def left_undone() -> bool:
    """A build was killed, and none has taken over."""
    return _killed().filter(chosen=False).exists()


def begin_chosen(reason: str, total: int, by: AbstractBaseUser | None = None) -> IndexBuild:
    """A run over `total` picked sources. It excludes no other."""
    _close(_killed().filter(everything=False))
    return _begun(reason, by, chosen=True, total=total)


def note_progress(build: IndexBuild, done: int, total: int) -> None:
    """Show a sign of life, and how many of its sources are done."""
    IndexBuild.objects.filter(pk=build.pk).update(done=done, total=total, alive_at=database_now())


def hand_build_back(build: IndexBuild) -> None:
    """The next run takes over at once, as if this one had been silent for long."""
    IndexBuild.objects.filter(pk=build.pk).update(alive_at=timezone.now() - SILENCE)


def end_build(build: IndexBuild) -> None:
    build.finished_at = timezone.now()
    fields = ["finished_at", "embedded", "kept", "removed", "failed", "error"]
    build.save(update_fields=fields)


def is_running(build: IndexBuild, now: datetime | None = None) -> bool:
    """`now` by the database's clock, which is asked where it is not given."""
    return build.finished_at is None and build.alive_at > (now or database_now()) - SILENCE


def build(build_id: int) -> IndexBuild | None:
    return IndexBuild.objects.filter(pk=build_id).first()


def _killed() -> QuerySet[IndexBuild]:
    return IndexBuild.objects.filter(finished_at=None, alive_at__lte=database_now() - SILENCE)


def _begun(reason: str, by: AbstractBaseUser | None, **fields: Any) -> IndexBuild:
    build = IndexBuild.objects.create(reason=reason, by_id=by.pk if by else None, **fields)
    note_progress(build, 0, build.total)  # by the database's clock; the host's was written
    return build


def _close(builds: QuerySet[IndexBuild]) -> None:
    builds.update(finished_at=timezone.now(), error="It was interrupted.")
