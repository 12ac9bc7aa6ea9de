"""`/metrics`, for Prometheus: with the token of METRICS_TOKEN, or without one from the site's own network."""

import ipaddress
import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_tasks_db.models import DBTaskResult
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chat import transcripts
from joblynk import metrics
from knowledge import library


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """Raises Http404 for everybody else: there is nothing to be seen."""
    if not _may(request):
        raise Http404
    _read_database()
    return HttpResponse(generate_latest(metrics.REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _may(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False  # a proxy brings it from somewhere
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_loopback or address.is_private


def _read_database() -> None:
    metrics.OUTBOX.set(transcripts.outbox_depth())
    metrics.INGEST.set(library.attention().working)
    metrics.TASKS.set(DBTaskResult.objects.ready().count())
    today = transcripts.spent(timezone.localdate())
    metrics.TOKENS.set(today.tokens)
    metrics.DOLLARS.set(float(today.dollars))
