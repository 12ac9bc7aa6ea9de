"""`/healthz`: the process lives. `/readyz`: it may be given customers."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from joblynk import preparation
from joblynk.web import ending
from knowledge import search

_migrated = False


@require_safe
@never_cache
def healthz(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(_: HttpRequest) -> JsonResponse:
    """200 when the database answers, its schema is this version's, the search index is in memory, and the
    process is not about to end."""
    state = {"database": False, "migrations": False, "index": False}
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        state["database"] = True
        state["migrations"] = _is_migrated()
    except DatabaseError:
        pass
    state["index"] = search.ready()
    ready = all(state.values()) and not ending()
    return JsonResponse({"status": "ok" if ready else "not ready", **state}, status=200 if ready else 503)


def _is_migrated() -> bool:
    """Read until it is true, and then not again: a schema does not lose its migrations."""
    global _migrated
    if not _migrated:
        _migrated = preparation.is_migrated()
    return _migrated
