"""Reindexing: asked for, watched, and remembered."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from joblynk.admin import RecordAdmin
from knowledge import library, roles, tasks
from knowledge.models import IndexBuild


@admin.register(IndexBuild)
class IndexBuildAdmin(RecordAdmin[IndexBuild]):
    list_display = (
        "started_at",
        "progress",
        "reason",
        "asked_by",
        "lasted",
        "embedded",
        "kept",
        "removed",
        "failed",
    )
    list_display_links = None
    list_select_related = ("by",)
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "admin/knowledge/indexbuild/change_list.html"

    class Media:
        css: ClassVar = {"all": ("knowledge/staff.css",)}
        js: ClassVar = [Script("knowledge/progress.js", type="module")]

    def get_urls(self) -> list[Any]:
        door = self.admin_site.admin_view
        return [
            path("progress/", door(self.tell), name="knowledge_indexbuild_progress"),
            path("start/", door(self.start), name="knowledge_indexbuild_start"),
            *super().get_urls(),
        ]

    def start(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not roles.may_rebuild(request.user):
            raise PermissionDenied
        if request.POST.get("scope") == "all":
            tasks.enqueue_reindex("all", "everything", request.user.pk)
        else:
            tasks.enqueue_reindex("changed", "what changed", request.user.pk)
        words = "The worker takes it up in a moment. The old index serves until then."
        self.message_user(request, words, messages.SUCCESS)
        return redirect("admin:knowledge_indexbuild_changelist")

    def tell(self, request: HttpRequest) -> HttpResponse:
        """How far the latest builds are, as JSON."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return JsonResponse(
            {
                "builds": [
                    {"id": row.pk, "done": row.done, "total": row.total, "running": _is_running(row)}
                    for row in self.get_queryset(request)[:20]
                ]
            }
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "title": "Index builds",
            "may_rebuild": roles.may_rebuild(request.user),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    @admin.display(description="State")
    def progress(self, obj: IndexBuild) -> SafeString:
        if _is_running(obj):
            words = '<progress data-build="{}" value="{}" max="{}"></progress> <span>{} of {}</span>'
            return format_html(words, obj.pk, obj.done, max(obj.total, 1), obj.done, obj.total)
        if obj.finished_at is None:
            return SafeString('<span class="pill pill-failed">Interrupted</span>')
        if obj.error:
            return format_html(
                '<span class="pill pill-failed">Failed</span> <span class="reason">{}</span>', obj.error
            )
        return SafeString('<span class="pill pill-ready">Done</span>')

    @admin.display(description="By", empty_value="–")
    def asked_by(self, obj: IndexBuild) -> str | None:
        return obj.by.get_username() if obj.by else None

    @admin.display(description="Lasted")
    def lasted(self, obj: IndexBuild) -> str:
        until = obj.finished_at or (timezone.now() if _is_running(obj) else obj.alive_at)
        return _words(until - obj.started_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[IndexBuild]:
        return super().get_queryset(request).annotate(looked_at=Now()).order_by("-pk")


def _is_running(build: IndexBuild) -> bool:
    """By the time that came with the row: a long list asks for it once."""
    return library.is_running(build, getattr(build, "looked_at", None))


def _words(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
