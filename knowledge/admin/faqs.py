"""FAQs: written with a preview, brought and taken as CSV."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from knowledge import faq_csv, library, markup, tasks, upload
from knowledge.admin.forms import FaqForm
from knowledge.admin.sources import ReviewFilter, SourceAdmin
from knowledge.models import Faq

_MOST_WATCHED = 200  # FAQs in one question, as many as a page shows
_LONGEST_PREVIEW = 50_000  # characters
NOT_ADDED = "It could not be added to the search. Choose “Read again” to retry."


class ImportForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        help_text="With the columns question and answer; phrasings, tags and published may be there too.",
    )


@admin.register(Faq)
class FaqAdmin(SourceAdmin):
    kind = "faq"
    form = FaqForm
    list_display = ("question", "pill", "ways_to_ask", "tag_list", "updated_at", "review")
    list_filter = ("published", ReviewFilter)
    search_fields = ("question", "phrasings", "answer", "tags")
    ordering = ("question", "pk")
    change_list_template = "admin/knowledge/faq/change_list.html"

    class Media:
        js: ClassVar = [Script("knowledge/preview.js", type="module")]

    def get_urls(self) -> list[Any]:
        return [
            self.page("progress/", self.progress, "progress"),
            self.page("preview/", self.preview, "preview"),
            self.page("export/", self.export, "export"),
            self.page("import/", self.bring, "import"),
            self.page("import/<uuid:key>/", self.confirm, "confirm"),
            *super().get_urls(),
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Faq | None = None) -> Any:
        fields = ["question", "phrasings", "answer", "tags", "review_by", "published"]
        return [(None, {"fields": self.without_publishing(request, fields)})]

    def save_model(self, request: HttpRequest, obj: Faq, form: forms.Form, change: bool) -> None:
        if not change and not self.has_publish_permission(request):
            obj.published = False
        if library.save_faq(obj):
            tasks.enqueue(obj)

    # --- Pages of our own ------------------------------------------------------------------------
    def progress(self, request: HttpRequest) -> HttpResponse:
        """Where the FAQs `ids` stand, as JSON."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        ids = [int(part) for part in request.GET.get("ids", "").split(",") if part.isdecimal()]
        return JsonResponse({"faqs": {row.pk: _standing(row) for row in library.faqs(ids[:_MOST_WATCHED])}})

    def preview(self, request: HttpRequest) -> HttpResponse:
        """The answer as customers will see it."""
        if not self.has_view_or_change_permission(request) and not self.has_add_permission(request):
            raise PermissionDenied
        return JsonResponse({"html": markup.to_html(request.POST.get("text", "")[:_LONGEST_PREVIEW])})

    def export(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        name = f"faqs-{timezone.localdate():%Y-%m-%d}.csv"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        }
        content = faq_csv.written(library.all_faqs().iterator())
        return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)

    def bring(self, request: HttpRequest) -> HttpResponse:
        """Take a CSV file and keep it until its owner has seen what it would change."""
        self._require_writing(request)
        form = ImportForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid() and request.user.is_authenticated:
            file = form.cleaned_data["file"]
            try:
                text = faq_csv.decoded(file.read(faq_csv.MAX_BYTES + 1))
                faq_csv.read(text)
            except faq_csv.CsvError as error:
                form.add_error("file", str(error))
            else:
                kept = library.keep_import(upload.display_name(file.name), text, request.user)
                return redirect("admin:knowledge_faq_confirm", kept.pk)
        return self._respond(request, "import", "Import FAQs", {"form": form})

    def confirm(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """The dry run, and on a yes the import: only what was shown is done."""
        self._require_writing(request)
        kept = library.kept_import(key, request.user) if request.user.is_authenticated else None
        if kept is None:
            raise Http404("This import was applied, or is older than a day.")
        plan = faq_csv.plan(faq_csv.read(kept.text), may_publish=self.has_publish_permission(request))
        if request.method == "POST":
            if request.POST.get("plan") == plan.digest:
                written = faq_csv.apply(kept, plan)
                if written:
                    tasks.enqueue_chosen(
                        [("faq", faq.pk) for faq in written], f"import of {kept.name}"[:150], request.user.pk
                    )
                for faq in written:
                    self.log_change(request, faq, f"Imported from {kept.name}.")
                words = f"{len(written)} FAQs imported; {plan.counts['refused']} rows refused."
                self.message_user(request, words, messages.SUCCESS)
                return redirect("admin:knowledge_faq_changelist")
            words = "FAQs were changed since this was shown. Look at it once more."
            self.message_user(request, words, messages.WARNING)
        return self._respond(request, "confirm", "Import FAQs", {"plan": plan, "kept": kept})

    def _require_writing(self, request: HttpRequest) -> None:
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied

    def _respond(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        page = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            **context,
        }
        return TemplateResponse(request, f"admin/knowledge/faq/{template}.html", page)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"title": "FAQs", **(extra_context or {})})

    # --- Shown -----------------------------------------------------------------------------------
    @admin.display(description="State", ordering="published")
    def pill(self, obj: Faq) -> SafeString:
        told = _standing(obj)
        return format_html(
            '<span class="state" data-faq="{}"{}><span class="pill pill-{}">{}</span> '
            '<span class="reason">{}</span></span>',
            obj.pk,
            SafeString(" data-working") if told["working"] else "",
            told["pill"],
            told["label"],
            told["reason"],
        )

    @admin.display(description="Other ways to ask")
    def ways_to_ask(self, obj: Faq) -> int:
        return len(obj.phrasings)

    @admin.display(description="Tags")
    def tag_list(self, obj: Faq) -> str:
        return ", ".join(obj.tags)


def _standing(row: Faq) -> dict[str, Any]:
    """What the list shows of its state."""
    unread = row.fingerprint != row.indexed_hash
    working = unread and row.due_at is not None
    reason = "Not published." if unread and not row.published else ""
    if working:
        pill, label = "pending", "Pending"
    elif unread:
        pill, label, reason = "failed", "Failed", f"{NOT_ADDED} {reason}".strip()
    else:
        pill, label = ("ready", "Ready") if row.published else ("unpublished", "Unpublished")
    return {"pill": pill, "label": label, "reason": reason, "working": working}
