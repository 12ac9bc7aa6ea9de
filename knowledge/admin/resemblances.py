"""Near duplicates: looked at side by side, then edited or ignored."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path

from joblynk.admin import RecordAdmin
from knowledge import library, roles, tasks
from knowledge.models import Resemblance

_ON_A_PAGE = 20


@admin.register(Resemblance)
class ResemblanceAdmin(RecordAdmin[Resemblance]):
    class Media:
        css: ClassVar = {"all": ("knowledge/staff.css",)}
        js: ClassVar = [Script("knowledge/progress.js", type="module")]

    def get_urls(self) -> list[Any]:
        door = self.admin_site.admin_view
        return [
            path("look/", door(self.look), name="knowledge_resemblance_look"),
            path("<int:pk>/ignore/", door(self.ignore), name="knowledge_resemblance_ignore"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        show = request.GET.get("show", "open")
        rows = self.get_queryset(request).filter(ignored_at__isnull=show != "ignored")
        if show == "contradictions":
            rows = rows.exclude(contradiction="")
        page = Paginator(rows, _ON_A_PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Near duplicates",
            "opts": self.opts,
            "show": show,
            "tabs": [("open", "All"), ("contradictions", "May contradict"), ("ignored", "Ignored")],
            "page": page,
            "pairs": library.pairs(page.object_list),
            "may_change": roles.may(request.user, "change_resemblance"),
            "media": self.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/knowledge/resemblance/list.html", context)

    def look(self, request: HttpRequest) -> HttpResponse:
        self._require(request)
        tasks.look_for_resemblances.enqueue()
        self.message_user(request, "The worker looks in a moment; come back then.", messages.SUCCESS)
        return redirect("admin:knowledge_resemblance_changelist")

    def ignore(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._require(request)
        ignored = request.POST.get("ignored") != "no"
        if library.ignore_resemblance(pk, request.user, ignored=ignored):
            words = "Ignored until one of the two is written anew." if ignored else "Listed again."
            self.message_user(request, words, messages.SUCCESS)
        return redirect("admin:knowledge_resemblance_changelist")

    def _require(self, request: HttpRequest) -> None:
        if request.method != "POST" or not roles.may(request.user, "change_resemblance"):
            raise PermissionDenied
