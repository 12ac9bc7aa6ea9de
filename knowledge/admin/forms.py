"""What staff fill in."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.widgets import AdminDateWidget
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse
from django.utils.html import format_html

from knowledge import library, upload
from knowledge.models import TITLE_LENGTH, Document, Faq, content_hash

KINDS = "Markdown, text, HTML, PDF, CSV, Word (.docx), PowerPoint (.pptx) or Excel (.xlsx), up to 20 MB each."
WRITTEN = [
    (choice.value, choice.label)
    for choice in (Document.Format.MARKDOWN, Document.Format.TEXT, Document.Format.HTML)
]


class TextField(forms.CharField):
    """A text as it is, but with plain line ends: a browser sends others, which would be another content."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return text.replace("\r\n", "\n") if isinstance(text, str) else text


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of uploads: list[UploadedFile]. What is in them is judged one by one, later."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, list | tuple) else [data] if data else []
        if self.required and not files:
            raise ValidationError(self.error_messages["required"], code="required")
        return list(files)


class ArrivalForm(forms.Form):
    """New documents: any number of files, or one text."""

    upload = FilesField(required=False, label="Files", help_text=KINDS)
    text = TextField(
        required=False,
        strip=False,
        label="Or a text",
        widget=forms.Textarea(attrs={"rows": 12, "class": "vLargeTextField"}),
    )
    format = forms.ChoiceField(required=False, label="The text is", choices=WRITTEN)
    title = forms.CharField(
        required=False,
        max_length=TITLE_LENGTH,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="Of one file or the text. Blank: taken from the document itself.",
    )
    review_by = forms.DateField(
        required=False, widget=AdminDateWidget, help_text="When somebody should read it again."
    )
    published = forms.BooleanField(
        required=False, initial=True, help_text="Answer from it as soon as it has been read."
    )

    def __init__(self, *args: Any, may_publish: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_publish:
            del self.fields["published"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        files, text = data.get("upload") or [], (data.get("text") or "").strip()
        if files and text:
            raise ValidationError("Upload a file or paste a text, not both.")
        if not files and not text and "text" not in self.errors:
            raise ValidationError("Upload a file or paste a text.")
        if len(files) > 1 and data.get("title"):
            raise ValidationError({"title": "Several files cannot have one title. Leave it blank."})
        return data

    def drafts(self) -> Sequence[tuple[Document, UploadedFile | None]]:
        """A document for each file, or one for the text; none is stored."""
        data = self.cleaned_data
        shared = {name: data.get(name) for name in ("title", "review_by")}
        shared["published"] = data.get("published", False)
        if data["upload"]:
            return [(Document(**shared), file) for file in data["upload"]]
        format = data["format"] or Document.Format.MARKDOWN
        return [(Document(text=data["text"], format=format, **shared), None)]


class DocumentForm(forms.ModelForm[Document]):
    """An existing document: its words, or another file in the place of the one it has."""

    text = TextField(
        required=False, strip=False, widget=forms.Textarea(attrs={"rows": 16, "class": "vLargeTextField"})
    )

    upload = forms.FileField(
        required=False,
        label="Upload a new version",
        help_text="The present text goes on answering until the new one has been read.",
    )

    class Meta:
        model = Document
        fields = ("title", "upload", "text", "format", "review_by", "published")
        labels: ClassVar = {"format": "The text is"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("text", "format") if self.instance.file else ():
            self.fields.pop(name, None)  # staff who may only look have no fields at all
        if "format" in self.fields:
            self.fields["format"] = forms.ChoiceField(label="The text is", choices=WRITTEN, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        file, text = data.get("upload"), (data.get("text") or "").strip()
        if file:
            self._take(file, data)
        elif "text" in self.fields and not text and "text" not in self.errors:
            raise ValidationError("Upload a file or paste a text.")
        elif "text" in self.fields and "text" not in self.errors:
            self._refuse_twin("text", content_hash(data["text"].encode()))
        if "format" in data:
            data["format"] = data["format"] or Document.Format.MARKDOWN
        return data

    def _take(self, file: UploadedFile, data: dict[str, Any]) -> None:
        if data.get("text") not in (None, self.instance.text):
            raise ValidationError("Upload a file or change the text, not both.")
        try:
            data["format"] = upload.checked_format(file.name or "", file.size or 0, file)
        except ValueError as error:
            raise ValidationError({"upload": str(error)}) from None
        digest = content_hash(file.read())
        file.seek(0)
        if digest == self.instance.content_hash:
            raise ValidationError({"upload": "This is the version that is already here, byte for byte."})
        self._refuse_twin("upload", digest)
        self.instance.format, self.instance.name = data["format"], upload.display_name(file.name or "")

    def _refuse_twin(self, field: str, digest: str) -> None:
        if digest == self.instance.content_hash:
            return
        if twin := library.twin(digest, besides=self.instance.pk):
            url = reverse("admin:knowledge_document_change", args=[twin.pk])
            words = 'The same content is already here, as <a href="{}">{}</a>.'
            raise ValidationError({field: format_html(words, url, twin)})


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
    answer = TextField(
        help_text="Markdown.", widget=forms.Textarea(attrs={"rows": 12, "cols": 80, "data-preview": ""})
    )
    phrasings = LinesField(
        required=False, max_length=10_000, label="Other ways to ask", help_text="One a line."
    )
    tags = TagsField(required=False, max_length=1_000, help_text="Separated by commas.")

    class Meta:
        model = Faq
        fields = ("question", "phrasings", "answer", "tags", "review_by", "published")
