"""Near duplicates: looked at side by side, then merged, edited or ignored."""

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
from knowledge.models import Faq, Resemblance

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
            path("<int:pk>/merge/", door(self.merge), name="knowledge_resemblance_merge"),
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
            "may_merge": _may_merge(request.user),
            "may_publish": roles.may_publish(request.user, "faq"),
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

    def merge(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Of two FAQs one stays, with the other's ways to ask and its tags."""
        self._require(request)
        pair = next(iter(library.pairs(self.get_queryset(request).filter(pk=pk))), None)
        if pair is None or pair.left.faq is None or pair.right.faq is None:
            self.message_user(request, "One of the two is another by now. Look again.", messages.WARNING)
            return redirect("admin:knowledge_resemblance_changelist")
        kept, other = pair.left.faq, pair.right.faq
        if request.POST.get("keep") == "right":
            kept, other = other, kept
        if not _may_merge(request.user, kept, other):
            raise PermissionDenied
        words = f"“{other}” was merged into “{kept}”, whose answer stays."
        library.merge_faqs(kept, other)
        tasks.enqueue(kept)
        self.admin_site.get_model_admin(Faq).log_change(request, kept, words)
        if not kept.published:
            words += " It is not published."
        self.message_user(request, words, messages.SUCCESS)
        return redirect("admin:knowledge_resemblance_changelist")

    def _require(self, request: HttpRequest) -> None:
        if request.method != "POST" or not roles.may(request.user, "change_resemblance"):
            raise PermissionDenied


def _may_merge(user: roles.User, *faqs: Faq) -> bool:
    """It changes one and deletes the other: what is published is a publisher's."""
    writes = roles.may(user, "change_faq") and roles.may(user, "delete_faq")
    return writes and (roles.may_publish(user, "faq") or not any(faq.published for faq in faqs))
