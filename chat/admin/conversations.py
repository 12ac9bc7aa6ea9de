"""Staff read every stored conversation, and answer customers from its page; nobody edits one."""

import uuid
from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from chat.admin import takeaway, visitors
from chat.models import AuditEntry, Conversation
from chat.staff import roles, tickets
from chat.transcripts import audit, listing, review
from chat.transcripts.listing import OUTCOMES, STATES, Wanted
from joblynk.admin import RecordAdmin

STATE_WORDS = {
    "": "All",
    "waiting": "Waiting",
    "unassigned": "Unassigned",
    "mine": "With me",
    "human": "With a person",
    "bot": "With the assistant",
    "resolved": "Closed",
}
OUTCOME_WORDS = {
    "not_found": "No answer",
    "not_helpful": "Not helpful",
    "failed": "Failed",
    "pictures": "With picture",
    "videos": "With video",
}


@admin.register(Conversation)
class ConversationAdmin(RecordAdmin[Conversation]):
    class Media:
        css: ClassVar = {"all": ("chat/transcript.css", "staff/conversations.css")}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        """Nothing at all for who may not read, whatever page asks."""
        rows = super().get_queryset(request)
        return rows if roles.may(request.user, "view_conversation") else rows.none()

    def get_urls(self) -> list[Any]:
        door = self.admin_site.admin_view
        return [
            path("export/", door(require_POST(self.export)), name="chat_conversation_export"),
            path("<uuid:pk>/visitor/", door(visitors.page), name="chat_conversation_visitor"),
            path("<uuid:pk>/live/", door(require_safe(self.live)), name="chat_conversation_live"),
            *super().get_urls(),
        ]

    # --- The list ------------------------------------------------------------------------------

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        reader, wanted = roles.person(request.user).id, wanted_of(request)
        found = listing.page(wanted, reader)
        context = {
            "lines": found.lines,
            "next": _address(wanted, after=found.next) if found.next else "",
            "first": _address(wanted, after="") if wanted.after else "",
            "now": timezone.now(),
        }
        if request.headers.get("X-Part") == "list":
            counts = listing.counts(reader)
            part = render_to_string("admin/chat/conversation/lines.html", context, request)
            return JsonResponse({"lines": part, **counts})
        context |= {
            **self.admin_site.each_context(request),
            "title": "Conversations",
            "opts": self.opts,
            "media": self.media,
            "wanted": wanted,
            "counts": listing.counts(reader),
            "states": [(key, STATE_WORDS[key], _address(wanted, state=key, after="")) for key in STATES],
            "outcomes": [(key, OUTCOME_WORDS[key], _toggle(wanted, key)) for key in OUTCOMES],
            "filtered": wanted != Wanted(),
            "may_export": roles.may(request.user, "export_conversation"),
        }
        return TemplateResponse(request, "admin/chat/conversation/list.html", context)

    # --- One conversation ----------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method == "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        row = review.find(object_id)
        if row is None:
            self.message_user(request, "That conversation isn't there, or was erased.", "warning")
            return redirect("admin:chat_conversation_changelist")
        person = roles.person(request.user)
        audit.note(AuditEntry.Action.READ, person, timezone.now(), row.id)
        context = {
            **self.admin_site.each_context(request),
            **_transcript(row),
            "title": "Conversation",
            "opts": self.opts,
            "media": self.media,
            "original": row,
            "person": person,
            "boot": {
                "socket": "/ws/staff/",
                "ticket": tickets.issue(person.id, row.id),
                "live": f"../live/?{urlencode({'ticket': tickets.issue(person.id, row.id)})}",
                "seq": row.last_seq,
                "id": person.id,
                "me": person.name,
                "limit": settings.CHAT_TEXT_LIMIT,
                "answer": roles.may(request.user, "answer_conversation"),
                "assign": roles.may(request.user, "assign_conversation"),
            },
            "is_nav_sidebar_enabled": False,
            "team": roles.team(),
            "deliveries": row.deliveries.order_by("-created_at"),
            "may_erase": roles.may(request.user, "erase_conversation"),
        }
        return TemplateResponse(request, "admin/chat/conversation/page.html", context)

    def live(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """The transcript as it is now, for a page that was given it before: its ticket says so."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        person = roles.person(request.user)
        if tickets.conversation_of(request.GET.get("ticket", ""), person.id) != pk:
            raise PermissionDenied
        row = review.find(str(pk))
        if row is None:
            raise Http404
        return render(request, "admin/chat/conversation/live.html", {**_transcript(row), "original": row})

    # --- Taking transcripts away -----------------------------------------------------------------

    def export(self, request: HttpRequest) -> HttpResponse:
        """The chosen conversations as CSV or JSON. Each of them stands in the audit log."""
        if not roles.may(request.user, "export_conversation") or not self.has_view_permission(request):
            raise PermissionDenied
        ids = [key for text in request.POST.getlist("chosen")[:200] if (key := _uuid(text)) is not None]
        if not ids:
            self.message_user(request, "Tick the conversations that you want to export.", "warning")
            return redirect("admin:chat_conversation_changelist")
        kind = "json" if request.POST.get("format") == "json" else "csv"
        person, now = roles.person(request.user), timezone.now()
        for key in ids:
            detail = f"{kind}, one of {len(ids)}"
            audit.note(AuditEntry.Action.EXPORT, person, now, key, detail)
        body = takeaway.as_json(ids) if kind == "json" else takeaway.as_csv(ids)
        response = HttpResponse(body, content_type=f"{takeaway.TYPES[kind]}; charset=utf-8")
        name = f"conversations-{timezone.localdate().isoformat()}.{kind}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["Cache-Control"] = "no-store"
        return response


def wanted_of(request: HttpRequest) -> Wanted:
    """The list that an address asks for; what it asks for in vain is left out."""
    given = request.GET
    state, outcome = given.get("state", ""), given.get("outcome", "")
    return Wanted(
        state=state if state in STATES else "",
        outcome=outcome if outcome in OUTCOMES else "",
        since=_day(given.get("since", "")),
        until=_day(given.get("until", "")),
        words=given.get("q", "")[:200].replace("\x00", ""),
        after=given.get("after", ""),
    )


def _address(wanted: Wanted, **change: str) -> str:
    values = {
        "state": wanted.state,
        "outcome": wanted.outcome,
        "since": wanted.since.isoformat() if wanted.since else "",
        "until": wanted.until.isoformat() if wanted.until else "",
        "q": wanted.words,
        "after": wanted.after,
        **change,
    }
    return "?" + urlencode({key: value for key, value in values.items() if value})


def _toggle(wanted: Wanted, outcome: str) -> str:
    return _address(wanted, outcome="" if wanted.outcome == outcome else outcome, after="")


def _transcript(row: Conversation) -> dict[str, Any]:
    messages = list(review.messages(row.id))
    entries = review.with_notes(row.id, messages)
    return {"transcript": entries, "totals": review.totals(messages), "conversation": row}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
