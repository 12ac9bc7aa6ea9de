"""What staff fill in."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from videos import captions, catalogue, sources, uploads
from videos.models import Chapter, Video

_MOST_TAGS, _TAG_CHARS = 20, 40
_POSTER_BYTES = 10_000_000


class SecondsField(forms.Field):
    """A moment or a length: "1:15", "1m15s" or "75"."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> float | None:
        if value in self.empty_values:
            return None
        found = sources.seconds(str(value))
        if found is None:
            raise forms.ValidationError("This is no time, such as 1:15 or 75.")
        return found

    def prepare_value(self, value: Any) -> Any:
        return clock(value) if isinstance(value, float | int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class TagsField(forms.CharField):
    """Words between commas: list[str]."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        words = (" ".join(word.split())[:_TAG_CHARS] for word in (super().to_python(value) or "").split(","))
        return list(dict.fromkeys(word for word in words if word))[:_MOST_TAGS]

    def has_changed(self, initial: Any, data: Any) -> bool:
        before: list[str] = initial or []
        return before != list(self.to_python(data))


class VideoForm(forms.ModelForm[Video]):
    address = forms.CharField(
        required=False,
        max_length=sources.ADDRESS_LENGTH,
        widget=forms.TextInput(attrs={"class": "vLargeTextField"}),
        help_text="Of one video at YouTube or Vimeo, as the browser or the Share button gives it. Nothing is "
        "fetched from it, and customers load nothing from there before they press Play.",
    )
    upload = forms.FileField(required=False, label="Or a file")
    poster_upload = forms.FileField(
        required=False, label="Poster", help_text="A picture, which is stored here. PNG, JPEG or WebP."
    )
    poster_away = forms.BooleanField(required=False, label="Remove the poster")
    duration = SecondsField(required=False, help_text="Such as 1:15. Blank: taken from an uploaded file.")
    starts_at = SecondsField(
        required=False, help_text="Where it starts when no chapter or caption fits better."
    )
    tags = TagsField(
        required=False,
        widget=forms.TextInput(attrs={"class": "vLargeTextField"}),
        help_text="Words that customers use and the texts do not, between commas.",
    )
    captions_upload = forms.FileField(
        required=False,
        label="Captions",
        help_text="WebVTT or SubRip. Customers can switch them on, and they are searched.",
    )
    captions_language = forms.CharField(required=False, max_length=12, label="Their language", initial="en")
    captions_label = forms.CharField(required=False, max_length=60, label="Called", initial="English")
    captions_use = forms.ChoiceField(
        required=False,
        label="Use them",
        choices=[
            ("captions", "as captions"),
            ("both", "as captions, and make chapters from what is said"),
            ("chapters", "as a list of chapters: each entry is one"),
        ],
    )

    class Meta:
        model = Video
        fields: ClassVar = [
            *("title", "description", "language", "tags", "duration", "starts_at"),
            *("published", "valid_from", "valid_until"),
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = f"MP4 or WebM, up to {settings.VIDEO_MAX_MB} MB. It takes the place of the one before."
        self.fields["upload"].help_text = words
        self.kind: uploads.Kind | None = None
        self.poster: bytes | None = None
        self.cues: list[captions.Caption] = []
        if self.instance.pk and (source := catalogue.source_of(self.instance)):
            self.fields["address"].initial = sources.page(source)

    def clean_starts_at(self) -> float:
        return self.cleaned_data.get("starts_at") or 0.0

    def clean_language(self) -> str:
        return checked_language(self.cleaned_data["language"])

    def clean_captions_language(self) -> str:
        return checked_language(self.cleaned_data.get("captions_language") or "en")

    def clean_upload(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data.get("upload")
        if file:
            with_words(self, lambda: setattr(self, "kind", kind_of(file)))
        return file

    def clean_poster_upload(self) -> None:
        if file := self.cleaned_data.get("poster_upload"):
            content = file.read(_POSTER_BYTES + 1)
            with_words(self, lambda: setattr(self, "poster", uploads.poster_from(content)))

    def clean_captions_upload(self) -> None:
        if file := self.cleaned_data.get("captions_upload"):
            content = file.read(captions.MAX_BYTES + 1)
            with_words(self, lambda: setattr(self, "cues", captions.parse(content)))

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or self.cleaned_data
        address, upload = data.get("address", ""), data.get("upload")
        before = self.fields["address"].initial or ""
        if upload and address and address != before:
            self.add_error("address", "Give an address or a file, not both.")
        elif upload:
            self._use_file()
        elif address:
            self._use_address(address, changed=address != before)
        elif not self.errors.get("upload") and not (self.instance.pk and self.instance.file):
            self.add_error("address", "Give the address of the video, or upload its file.")
        starts, ends = data.get("valid_from"), data.get("valid_until")
        if starts and ends and ends <= starts:
            self.add_error("valid_until", "This is not after the first moment.")
        if data.get("poster_away") and self.poster is None:
            self.poster = b""
        return data

    def _use_file(self) -> None:
        row = self.instance
        row.provider, row.external_id, row.external_hash = Video.Provider.FILE, "", ""

    def _use_address(self, address: str, *, changed: bool) -> None:
        try:
            source = sources.read(address)
        except ValueError as error:
            self.add_error("address", str(error))
            return
        row = self.instance
        row.provider, row.file = source.host, ""
        row.external_id, row.external_hash = source.external_id, source.external_hash
        if changed and source.start and not self.cleaned_data.get("starts_at"):
            self.cleaned_data["starts_at"] = source.start


class ChapterForm(forms.ModelForm[Chapter]):
    start = SecondsField(widget=forms.TextInput(attrs={"size": 7}))
    position = forms.IntegerField(required=False, min_value=0, widget=forms.NumberInput(attrs={"size": 3}))

    class Meta:
        model = Chapter
        fields: ClassVar = ["position", "start", "title", "text"]
        widgets: ClassVar = {"text": forms.Textarea(attrs={"rows": 2, "cols": 24})}

    def clean_position(self) -> int:
        return self.cleaned_data.get("position") or 0


def with_words(form: forms.Form | forms.ModelForm[Any], step: Any) -> None:
    """Refusals of files are ValueErrors in words for staff."""
    try:
        step()
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None


def kind_of(file: UploadedFile) -> uploads.Kind:
    return uploads.checked_kind(file, file.size or 0, settings.VIDEO_MAX_MB * 1_000_000)


def checked_language(text: str) -> str:
    """Raises ValidationError unless it has the form of a language tag."""
    parts = text.strip().split("-")
    if not 2 <= len(parts[0]) <= 3 or not all(part.isascii() and part.isalnum() for part in parts):
        raise forms.ValidationError("This is no language tag, such as en or de-CH.")
    return "-".join(parts)


def clock(seconds: float | None) -> str:
    """ "1:15" for 75 seconds, "1:15.5" where there is a fraction."""
    if seconds is None:
        return ""
    whole, rest = divmod(round(seconds, 3), 1)
    minutes, second = divmod(int(whole), 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f"{rest:.3f}"[1:].rstrip("0").rstrip(".")
    return f"{hours}:{minutes:02}:{second:02}{fraction}" if hours else f"{minutes}:{second:02}{fraction}"
