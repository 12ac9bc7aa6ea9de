"""What documents and FAQs have in common: publishing, reviewing, removing, reading again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from knowledge import library, roles, tasks
from knowledge.models import Document, Faq

SOON = timedelta(days=30)


class ReviewFilter(admin.SimpleListFilter):
    title = "review"
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overdue", "overdue"), ("soon", "within 30 days"), ("none", "no date")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        today = timezone.localdate()
        match self.value():
            case "overdue":
                return queryset.filter(review_by__lt=today)
            case "soon":
                return queryset.filter(review_by__range=(today, today + SOON))
            case "none":
                return queryset.filter(review_by=None)
            case _:
                return queryset


class SourceAdmin(ModelAdmin[Any]):
    """Editors change what is not published, publishers everything: see `knowledge.roles`."""

    kind: library.Kind
    actions = ("publish", "unpublish", "read_again")
    list_per_page = 50
    show_full_result_count = False
    change_form_template = "admin/knowledge/source_form.html"

    class Media:
        css: ClassVar = {"all": ("knowledge/staff.css",)}
        js: ClassVar = [Script("knowledge/progress.js", type="module")]

    # --- Who may ---------------------------------------------------------------------------------
    def has_publish_permission(self, request: HttpRequest) -> bool:
        return roles.may_publish(request.user, self.kind)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_theirs(request, obj)

    def _is_theirs(self, request: HttpRequest, obj: Any) -> bool:
        return obj is None or not obj.published or self.has_publish_permission(request)

    def without_publishing(self, request: HttpRequest, fields: list[str]) -> list[str]:
        """Who may not publish is not asked, and not heard when saying so anyway."""
        return [name for name in fields if name != "published" or self.has_publish_permission(request)]

    # --- Actions ---------------------------------------------------------------------------------
    @admin.action(description="Publish", permissions=["publish"])
    def publish(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        self._set_published(request, chosen, True)

    @admin.action(description="Unpublish", permissions=["publish"])
    def unpublish(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        self._set_published(request, chosen, False)

    def _set_published(self, request: HttpRequest, chosen: QuerySet[Any], published: bool) -> None:
        rows = list(chosen.exclude(published=published))
        library.set_published(self.kind, [row.pk for row in rows], published)
        for row in rows:
            self.log_change(request, row, "Published." if published else "Unpublished.")
        words = "published." if published else "unpublished: no longer quoted, from now on."
        already = chosen.count() - len(rows)
        rest = f" {already} already {'was' if already == 1 else 'were'}." if already else ""
        self.message_user(request, f"{len(rows)} {words}{rest}", messages.SUCCESS)

    @admin.action(description="Read again", permissions=["change"])
    def read_again(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        ids = list(chosen.values_list("pk", flat=True))
        tasks.enqueue_chosen([(self.kind, pk) for pk in ids], f"read again ({len(ids)})", request.user.pk)
        self.message_user(request, f"{len(ids)} will be read again in a moment.", messages.SUCCESS)

    # --- Removing --------------------------------------------------------------------------------
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        library.remove(self.kind, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        library.remove(self.kind, queryset.values_list("pk", flat=True))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Names only: passages and versions go with their source, and may be thousands."""
        rows = list(objs)
        refused = (
            {str(self.opts.verbose_name)}
            if not all(self.has_delete_permission(request, row) for row in rows)
            else set()
        )
        counts = {self.opts.verbose_name_plural: len(rows)}
        return [str(row) for row in rows], counts, refused, []

    # --- Shown -----------------------------------------------------------------------------------
    @admin.display(description="Review by", ordering="review_by", empty_value="–")
    def review(self, obj: Document | Faq) -> str | SafeString | None:
        if obj.review_by is None:
            return None
        late = obj.review_by < timezone.localdate()
        words = date_format(obj.review_by, "j M Y")
        pill = '{} <span class="pill pill-overdue">overdue</span>'
        return format_html(pill, words) if late else words

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        if row is not None and row.published and not self.has_publish_permission(request):
            context["locked"] = True
        context["may_read_again"] = super().has_change_permission(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def page(self, route: str, view: Callable[..., HttpResponseBase], name: str) -> Any:
        """A page of our own behind the admin's door; each asks for its own permission besides."""
        full = f"knowledge_{self.opts.model_name}_{name}"
        return path(route, self.admin_site.admin_view(view), name=full)
