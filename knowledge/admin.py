"""Where staff write what the assistant may say. Content is data: every byte of it is escaped."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from knowledge import library, tasks, upload
from knowledge.models import Chunk, Document, Faq, IndexBuild

_SHOWN_PASSAGES = 100
_WRITTEN = (Document.Format.MARKDOWN, Document.Format.TEXT, Document.Format.HTML)


class DocumentForm(forms.ModelForm[Document]):
    """One file, or a text; a document keeps to what it began as."""

    upload = forms.FileField(
        required=False, label="File", help_text="Markdown, text, HTML, PDF or Word (.docx), up to 20 MB."
    )

    class Meta:
        model = Document
        fields = ("title", "upload", "text", "format", "published")
        labels: ClassVar = {"text": "Or text", "format": "The text is"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.file:
            self._drop("text", "format")
            self._name("upload", "Replace the file")
        elif self.instance.pk:
            self._drop("upload")
            self._name("text", "Text")
        if "format" in self.fields:
            choices = [(choice.value, choice.label) for choice in _WRITTEN]
            self.fields["format"] = forms.ChoiceField(label="The text is", choices=choices, required=False)

    def _drop(self, *names: str) -> None:
        """Staff who may only look have no fields at all."""
        for name in names:
            self.fields.pop(name, None)

    def _name(self, field: str, label: str) -> None:
        if field in self.fields:
            self.fields[field].label = label

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        file, text = data.get("upload"), (data.get("text") or "").strip()
        if file and text:
            raise ValidationError("Upload a file or paste a text, not both.")
        if not file and not text and not self.instance.file:
            raise ValidationError("Upload a file or paste a text.")
        if file:
            try:
                data["format"] = upload.checked_format(file.name, file.size, file)
            except ValueError as error:
                raise ValidationError({"upload": str(error)}) from None
            self.instance.format = data["format"]
            self.instance.name = upload.display_name(file.name)
        elif "format" in data:
            data["format"] = data["format"] or Document.Format.MARKDOWN
        return data


class SourceAdmin(admin.ModelAdmin[Any]):
    """Publishing, removing and reading again, which documents and FAQs have in common."""

    kind: library.Kind
    actions = ("publish", "unpublish", "read_again")
    list_per_page = 50

    @admin.action(description="Publish", permissions=["change"])
    def publish(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        count = library.set_published(self.kind, chosen.values_list("pk", flat=True), True)
        self.message_user(request, f"{count} published.", messages.SUCCESS)

    @admin.action(description="Unpublish", permissions=["change"])
    def unpublish(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        count = library.set_published(self.kind, chosen.values_list("pk", flat=True), False)
        self.message_user(request, f"{count} unpublished: no longer quoted, from now on.", messages.SUCCESS)

    @admin.action(description="Read again", permissions=["change"])
    def read_again(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        for row in chosen:
            if isinstance(row, Document):
                library.mark(row, Document.State.PENDING)
            tasks.enqueue(row)
        self.message_user(request, f"{len(chosen)} will be read again in a moment.", messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        library.remove(self.kind, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        library.remove(self.kind, queryset.values_list("pk", flat=True))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Passages go with their source; nobody has, or needs, a permission on them."""
        shown, counts, needed, protected = super().get_deleted_objects(objs, request)
        return shown, counts, needed - {Chunk._meta.verbose_name}, protected

    @admin.display(description="Passages")
    def passages(self, obj: Document | Faq) -> str | SafeString:
        """What is found and quoted, as it was cut."""
        chunks = [chunk for chunk in library.served_chunks(obj) if chunk.role == Chunk.Role.PASSAGE]
        if not chunks:
            return "None yet."
        listed = format_html_join(
            "",
            "<details><summary>{}. {}{} ({} word pieces)</summary><pre>{}</pre></details>",
            (
                (
                    chunk.position + 1,
                    chunk.heading or chunk.title,
                    f", page {chunk.page}" if chunk.page else "",
                    chunk.tokens,
                    chunk.text,
                )
                for chunk in chunks[:_SHOWN_PASSAGES]
            ),
        )
        more = len(chunks) - _SHOWN_PASSAGES
        return format_html("{}<p>… and {} more.</p>", listed, more) if more > 0 else listed


@admin.register(Document)
class DocumentAdmin(SourceAdmin):
    kind = "document"
    form = DocumentForm
    list_display = ("__str__", "status", "published", "format", "chunk_count", "updated_at")
    list_filter = ("state", "published", "format")
    search_fields = ("title", "name", "text")
    readonly_fields = ("status", "origin_file", "passages", "created_by", "created_at", "updated_at")

    def get_fieldsets(self, request: HttpRequest, obj: Document | None = None) -> Any:
        fields = [name for name in ("title", "upload", "text", "format", "published") if self._has(name, obj)]
        if obj is None:
            return [(None, {"fields": fields})]
        about = ["status", "created_by", "created_at", "updated_at"]
        if obj.file:
            about.insert(1, "origin_file")
        return [
            (None, {"fields": fields}),
            ("State", {"fields": about}),
            ("What is quoted", {"fields": ["passages"]}),
        ]

    @staticmethod
    def _has(name: str, obj: Document | None) -> bool:
        if obj is None:
            return True
        return name not in (("text", "format") if obj.file else ("upload",))

    @admin.display(description="State", ordering="state")
    def status(self, obj: Document) -> str | SafeString:
        if obj.state == Document.State.READY:
            return "Ready" if obj.published else "Ready, but not published"
        words = obj.state_label
        if obj.state == Document.State.FAILED:
            still = " The earlier version still answers." if obj.chunk_count else ""
            return format_html("<strong>{}.</strong> {}{}", words, obj.error, still)
        return str(words)

    @admin.display(description="File")
    def origin_file(self, obj: Document) -> str:
        pages = f", {obj.pages} pages" if obj.pages else ""
        return f"{obj.name} ({max(1, round(obj.size / 1024)):,} kB{pages})"

    def save_model(self, request: HttpRequest, obj: Document, form: forms.Form, change: bool) -> None:
        if not change and request.user.is_authenticated:
            obj.created_by_id = request.user.pk
        if library.save_document(obj, file=form.cleaned_data.get("upload")):
            tasks.enqueue(obj)


class LinesField(forms.CharField):
    """list[str], one a line; blank lines and repetitions fall away."""

    widget: forms.Widget = forms.Textarea(attrs={"rows": 6, "cols": 80})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        lines = (" ".join(line.split()) for line in super().clean(value).splitlines())
        return list(dict.fromkeys(line for line in lines if line))


class TagsField(LinesField):
    """list[str], separated by commas."""

    widget = forms.TextInput(attrs={"size": 80})

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return super().clean("\n".join((value or "").split(",")))


class FaqForm(forms.ModelForm[Faq]):
    phrasings = LinesField(required=False, max_length=10_000, help_text="Other ways to ask this, one a line.")
    tags = TagsField(required=False, max_length=1_000, help_text="Separated by commas.")

    class Meta:
        model = Faq
        fields = ("question", "phrasings", "answer", "tags", "published")


@admin.register(Faq)
class FaqAdmin(SourceAdmin):
    kind = "faq"
    form = FaqForm
    list_display = ("question", "published", "tag_list", "is_indexed", "updated_at")
    list_filter = ("published",)
    search_fields = ("question", "phrasings", "answer", "tags")

    @admin.display(description="Tags")
    def tag_list(self, obj: Faq) -> str:
        return ", ".join(obj.tags)

    @admin.display(description="In the search", boolean=True)
    def is_indexed(self, obj: Faq) -> bool:
        return obj.fingerprint == obj.indexed_hash

    def save_model(self, request: HttpRequest, obj: Faq, form: forms.Form, change: bool) -> None:
        if library.save_faq(obj):
            tasks.enqueue(obj)


@admin.register(IndexBuild)
class IndexBuildAdmin(admin.ModelAdmin[IndexBuild]):
    list_display = ("started_at", "finished_at", "reason", "embedded", "kept", "removed", "failed", "error")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: IndexBuild | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: IndexBuild | None = None) -> bool:
        return False
