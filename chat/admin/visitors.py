"""All that one visitor left: exported or erased, by who may."""

import io
import uuid
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from chat.models import AuditEntry, Conversation
from chat.staff import roles
from chat.transcripts import audit, privacy, review
from chat.transcripts.privacy.erasing import OUTSIDE


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """GET: what there is. POST `export`: a zip. POST `erase` with the word typed: gone."""
    allowed = ("view_conversation", "erase_conversation")
    if not all(roles.may(request.user, permission) for permission in allowed):
        raise PermissionDenied
    row = review.find(str(pk))
    if row is None:
        messages.warning(request, "That conversation isn't there, or was erased.")
        return redirect("admin:chat_conversation_changelist")
    if request.method == "POST" and "export" in request.POST:
        return _export(request, row)
    if request.method == "POST" and request.POST.get("word", "").strip().lower() == "erase":
        return _erase(request, row)
    if request.method == "POST":
        messages.error(request, "Nothing was erased: type the word to confirm.")
    return TemplateResponse(request, "admin/chat/conversation/visitor.html", _context(request, row))


def _context(request: HttpRequest, row: Conversation) -> dict[str, Any]:
    found = [
        (holding.model._meta.verbose_name_plural, number)
        for holding in reversed(privacy.holdings([row.visitor]))
        if (number := holding.rows.count())
    ]
    return {
        **admin.site.each_context(request),
        "title": "A visitor’s data",
        "original": row,
        "opts": Conversation._meta,
        "holdings": found,
        "outside": OUTSIDE,
    }


def _export(request: HttpRequest, row: Conversation) -> HttpResponse:
    zipped = io.BytesIO()
    rows = privacy.write_takeout([row.visitor], zipped)
    person = roles.person(request.user)
    audit.note(AuditEntry.Action.VISITOR_EXPORT, person, timezone.now(), row.id, f"{rows} rows")
    response = HttpResponse(zipped.getvalue(), content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="visitor-{row.visitor[:8]}.zip"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _erase(request: HttpRequest, row: Conversation) -> HttpResponse:
    erased = privacy.erase([row.visitor], roles.person(request.user))
    messages.success(request, f"Erased: {', '.join(erased.words())}.")
    if not erased.whole:
        messages.warning(request, "The database file still holds old bytes until it is next written anew.")
    return redirect("admin:chat_conversation_changelist")
