"""Documents: brought, watched while they are read, looked at as the search sees them."""

from typing import Any, ClassVar
from urllib.parse import quote

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from knowledge import gate, library, roles, tasks, upload
from knowledge.admin.forms import ArrivalForm, DocumentForm
from knowledge.admin.sources import ReviewFilter, SourceAdmin
from knowledge.models import Chunk, Document

_MOST_WATCHED = 200
_ON_A_PAGE = 25
_LONGEST_QUESTION = 500  # characters


class StateFilter(admin.SimpleListFilter):
    """The pills of the list."""

    title = "state"
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("working", "waiting or being read"),
            ("ready", "ready and published"),
            ("unpublished", "not published"),
            ("failed", "could not be read"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        match self.value():
            case "working":
                return queryset.exclude(state__in=[Document.State.READY, Document.State.FAILED])
            case "ready":
                return queryset.filter(state=Document.State.READY, published=True)
            case "unpublished":
                return queryset.filter(published=False)
            case "failed":
                return queryset.filter(state=Document.State.FAILED)
            case _:
                return queryset


@admin.register(Document)
class DocumentAdmin(SourceAdmin):
    kind = "document"
    form = DocumentForm
    list_display = ("__str__", "pill", "passage_count", "changed", "review")
    list_filter = (StateFilter, ReviewFilter, "format")
    list_select_related = ("created_by",)
    search_fields = ("title", "name", "text")
    search_help_text = "Words of the title, the file's name, or a pasted text."
    ordering = ("-updated_at", "-pk")
    readonly_fields = ("pill", "original", "passages", "by", "created_at", "updated_at")
    change_form_template = "admin/knowledge/document/change_form.html"
    change_list_template = "admin/knowledge/document/change_list.html"

    class Media:
        js: ClassVar = [Script("knowledge/drop.js", type="module")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        listing = (
            request.resolver_match and request.resolver_match.url_name == "knowledge_document_changelist"
        )
        found: QuerySet[Document] = super().get_queryset(request)
        return found.defer("text") if listing else found

    def get_urls(self) -> list[Any]:
        return [
            path("ask/", self.admin_site.admin_view(self.ask), name="knowledge_ask"),
            self.page("progress/", self.progress, "progress"),
            self.page("<int:pk>/original/", self.download, "original"),
            self.page("<int:pk>/passages/", self.show_passages, "passages"),
            self.page("<int:pk>/read-again/", self.read_this_again, "read_again"),
            self.page("<int:pk>/replace/", self.replace_namesake, "replace"),
            *super().get_urls(),
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Document | None = None) -> Any:
        fields = ["title", "upload", "text", "format", "review_by", "published"]
        if obj is not None and not self.has_change_permission(request, obj):
            fields.remove("upload")
        if obj is not None and obj.file:
            fields = [name for name in fields if name not in ("text", "format")]
        return [
            (None, {"fields": self.without_publishing(request, fields)}),
            ("State", {"fields": ["pill", "original", "passages", "by", "created_at", "updated_at"]}),
        ]

    # --- New documents ---------------------------------------------------------------------------
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Any number of files at once. What could not be taken is told file by file."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        form = ArrivalForm(*sent, may_publish=self.has_publish_permission(request))
        arrivals = self._receive(request, form) if form.is_valid() else []
        stored = [arrival for arrival in arrivals if arrival.document and not arrival.namesake]
        if arrivals and len(stored) == len(arrivals):
            words = f"{len(stored)} documents were" if len(stored) > 1 else f"“{stored[0].name}” was"
            self.message_user(request, f"{words} added and will be read in a moment.", messages.SUCCESS)
            return redirect("admin:knowledge_document_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": "Add documents",
            "opts": self.opts,
            "form": form,
            "arrivals": arrivals,
            "may_publish": self.has_publish_permission(request),
            "media": self.media + form.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/knowledge/document/add.html", context)

    def _receive(self, request: HttpRequest, form: ArrivalForm) -> list[upload.Arrival]:
        by = request.user if request.user.is_authenticated else None
        arrivals = []
        for draft, file in form.drafts():
            draft.created_by_id = request.user.pk
            arrival = upload.receive(draft, file, by)
            if arrival.document:
                tasks.enqueue(arrival.document)
                self.log_addition(request, arrival.document, [{"added": {}}])
            arrivals.append(arrival)
        return arrivals

    def save_model(self, request: HttpRequest, obj: Document, form: forms.Form, change: bool) -> None:
        by = request.user if request.user.is_authenticated else None
        if library.save_document(obj, file=form.cleaned_data.get("upload"), by=by):
            tasks.enqueue(obj)

    # --- Pages of our own ------------------------------------------------------------------------
    def progress(self, request: HttpRequest) -> HttpResponse:
        """Where the documents `ids` stand: what the list shows of them, as JSON."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        ids = [int(part) for part in request.GET.get("ids", "").split(",") if part.isdecimal()]
        told = {}
        for row in library.documents(ids[:_MOST_WATCHED]):
            name, label = pill_of(row)
            told[str(row.pk)] = {
                "pill": name,
                "label": label,
                "reason": reason_of(row),
                "passages": row.chunk_count,
                "pages": pages_of(row),
                "title": str(row),
                "working": is_working(row),
            }
        return JsonResponse({"documents": told})

    def download(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """What was uploaded, byte for byte; never shown by the browser, only kept."""
        row = self._seen(request, pk)
        content, name = row.text.encode(), f"{row.title or 'document'}.{row.format}"
        if row.file:
            try:
                with row.file.open("rb") as file:
                    content, name = file.read(), row.name or f"document.{row.format}"
            except OSError:
                raise Http404("The file is no longer on the server.") from None
        safe = quote(upload.display_name(name), safe="")
        return HttpResponse(
            content,
            content_type="application/octet-stream",
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{safe}",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            },
        )

    def show_passages(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The chunks as the search sees them, and what a question would bring of them."""
        from knowledge import trial  # loads FAISS, which most commands do without

        row = self._seen(request, pk)
        question = _question(request)
        context = {
            **self.admin_site.each_context(request),
            "title": "Passages",
            "subtitle": str(row),
            "opts": self.opts,
            "original": row,
            "state_pill": self.pill(row),
            "question": question,
            "trial": trial.ask_document(row, question) if question else None,
            "passages": _page_of(library.passages(row), request),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/knowledge/document/passages.html", context)

    def ask(self, request: HttpRequest) -> HttpResponse:
        """What would a question bring, of documents and FAQs?"""
        if not (self.has_view_or_change_permission(request) or roles.may(request.user, "view_faq")):
            raise PermissionDenied
        from knowledge import trial  # loads FAISS, which most commands do without

        question = _question(request)
        findings = trial.ask(question) if question else None
        context = {
            **self.admin_site.each_context(request),
            "title": "Try a question",
            "question": question,
            "findings": findings,
            "rows": trial.numbered(findings.passages) if findings else [],
            "threshold": gate.THRESHOLD,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/knowledge/ask.html", context)

    def read_this_again(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self._seen(request, pk)
        if not super().has_change_permission(request) or request.method != "POST":
            raise PermissionDenied
        tasks.enqueue_chosen([("document", row.pk)], f"read again: {row}"[:180], request.user.pk)
        self.message_user(request, f"“{row}” will be read again in a moment.", messages.SUCCESS)
        return redirect("admin:knowledge_document_change", row.pk)

    def replace_namesake(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make an upload the next version of the document that has its file name."""
        new = self._seen(request, pk)
        old = library.namesake(new)
        if request.method != "POST" or not (
            self.has_delete_permission(request, new) and self.has_change_permission(request, old)
        ):
            raise PermissionDenied
        if old is None:
            words = "No earlier document has this file name any more."
            self.message_user(request, words, messages.WARNING)
            return redirect("admin:knowledge_document_change", new.pk)
        library.replace_document(old, new, request.user if request.user.is_authenticated else None)
        tasks.enqueue(old)
        self.log_change(request, old, [{"changed": {"fields": ["upload"]}}])
        words = f"“{old}” has a new version, which will be read in a moment."
        self.message_user(request, words, messages.SUCCESS)
        return redirect("admin:knowledge_document_change", old.pk)

    def _seen(self, request: HttpRequest, pk: int) -> Document:
        row = self.get_object(request, str(pk))
        if not isinstance(row, Document):
            raise Http404
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        return row

    # --- Shown -----------------------------------------------------------------------------------
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"title": "Documents", "attention": library.attention(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if row := kwargs.get("obj"):
            context["versions"] = library.versions(row)
            context["namesake"] = None if row.published else library.namesake(row)
            context["may_publish"] = self.has_publish_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="State", ordering="state")
    def pill(self, obj: Document) -> SafeString:
        name, label = pill_of(obj)
        return format_html(
            '<span class="state" data-document="{}"{}><span class="pill pill-{}">{}</span> '
            '<span class="reason">{}</span></span>',
            obj.pk,
            SafeString(" data-working") if is_working(obj) else "",
            name,
            label,
            reason_of(obj),
        )

    @admin.display(description="Passages", ordering="chunk_count")
    def passage_count(self, obj: Document) -> SafeString:
        """With the document's pages, where it has some, and its size."""
        return format_html(
            '<span data-passages="{}">{}</span> '
            '<span class="reason"><span data-pages="{}">{}</span> {}</span>',
            obj.pk,
            obj.chunk_count or "–",
            obj.pk,
            pages_of(obj),
            readable_size(obj.size),
        )

    @admin.display(description="Changed", ordering="updated_at")
    def changed(self, obj: Document) -> SafeString:
        """When, and who brought it."""
        at = timezone.localtime(obj.updated_at)
        who = f", added by {obj.created_by.get_username()}" if obj.created_by else ""
        words = '{} <span class="reason">{}{}</span>'
        return format_html(words, date_format(at, "j M Y"), date_format(at, "H:i"), who)

    @admin.display(description="Added by")
    def by(self, obj: Document) -> str:
        return obj.created_by.get_username() if obj.created_by else "–"

    @admin.display(description="Original")
    def original(self, obj: Document) -> SafeString:
        url = reverse("admin:knowledge_document_original", args=[obj.pk])
        pages = f", {pages_of(obj)}" if obj.pages else ""
        name = obj.name if obj.file else f"Pasted text.{obj.format}"
        return format_html('<a href="{}">{}</a> ({}{})', url, name, readable_size(obj.size), pages)

    @admin.display(description="Passages")
    def passages(self, obj: Document) -> SafeString:
        url = reverse("admin:knowledge_document_passages", args=[obj.pk])
        words = '<a href="{}">{} passage{}, as the search sees them</a>'
        count, plural = obj.chunk_count, "" if obj.chunk_count == 1 else "s"
        return format_html(words, url, count, plural) if count else SafeString("None yet.")


def is_working(row: Document) -> bool:
    return row.state not in (Document.State.READY, Document.State.FAILED)


def pill_of(row: Document) -> tuple[str, str]:
    """Its colour and its word."""
    if row.state == Document.State.READY and not row.published:
        return "unpublished", "Unpublished"
    words = {
        Document.State.PENDING: "Pending",
        Document.State.READING: "Reading",
        Document.State.EMBEDDING: "Embedding",
        Document.State.READY: "Ready",
        Document.State.FAILED: "Failed",
    }
    return row.state, words[Document.State(row.state)]


def reason_of(row: Document) -> str:
    """What staff want to know besides: why it failed, and what answers meanwhile."""
    reasons = []
    if row.state == Document.State.FAILED:
        reasons.append(row.error)
    if row.state != Document.State.READY and row.chunk_count and row.published:
        reasons.append("The earlier version still answers.")
    if row.state != Document.State.READY and not row.published:
        reasons.append("Not published.")
    return " ".join(reasons)


def pages_of(row: Document) -> str:
    return f"{row.pages} page{'' if row.pages == 1 else 's'}" if row.pages else ""


def readable_size(size: int) -> str:
    if size < 1024:
        return f"{size} bytes"
    return f"{size / 1024:.0f} kB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"


def _question(request: HttpRequest) -> str:
    return " ".join(request.GET.get("q", "").replace("\0", "").split())[:_LONGEST_QUESTION]


def _page_of(chunks: QuerySet[Chunk], request: HttpRequest) -> Page[Chunk]:
    """`?p=`: that page; `?passage=`: the page with this passage, which other pages of staff link to."""
    page, wanted = request.GET.get("p"), request.GET.get("passage", "")
    if wanted.isdecimal():
        before = list(chunks.values_list("pk", flat=True))
        page = str(before.index(int(wanted)) // _ON_A_PAGE + 1) if int(wanted) in before else page
    return Paginator(chunks, _ON_A_PAGE).get_page(page)
