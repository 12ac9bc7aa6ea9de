"""The videos: what they are, what they are found by, and how they fare."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from videos import captions, catalogue, ranking, reading, recommend, roles, uploads
from videos.admin.forms import ChapterForm, VideoForm, clock
from videos.models import CaptionTrack, Chapter, Video, public_path

_LONGEST_TRIAL = 500  # characters
_TOLD = 12  # videos that the test box tells of
WHY: dict[ranking.Reason, str] = {
    "shown": "shown",
    "weak": "below the threshold",
    "behind": "too far behind the first",
    "enough": "two better ones are shown",
    "hidden": "",
    "excluded": "shown before",
}


class ChapterInline(admin.TabularInline[Chapter, Video]):
    model = Chapter
    form = ChapterForm
    fields = ("position", "start", "title", "text")
    extra = 0
    verbose_name_plural = "chapters"


class CaptionsInline(admin.TabularInline[CaptionTrack, Video]):
    """Tracks come by upload; here they are named anew or removed."""

    model = CaptionTrack
    fields = ("language", "label", "cues_count", "look")
    readonly_fields = ("language", "cues_count", "look")
    extra = 0
    max_num = 0
    verbose_name_plural = "captions"

    @admin.display(description="Captions")
    def cues_count(self, obj: CaptionTrack) -> int:
        return obj.cues.count() if obj.pk else 0

    @admin.display(description="File")
    def look(self, obj: CaptionTrack) -> SafeString:
        if obj.pk is None:
            return SafeString("")
        return format_html('<a href="{}">WebVTT</a>', reverse("video_captions", args=(obj.video_id, obj.pk)))


@admin.register(Video)
class VideoAdmin(admin.ModelAdmin[Video]):
    form = VideoForm
    inlines = (ChapterInline, CaptionsInline)
    actions = ("publish", "unpublish")
    list_display = ("picture", "title", "state", "times_shown", "times_played", "help")
    list_display_links = ("picture", "title")
    list_filter = ("published", "provider", "language")
    search_fields = ("title", "description", "tags", "chapters__title")
    ordering = ("title", "pk")
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "admin/videos/video/change_list.html"
    change_form_template = "admin/videos/video/change_form.html"

    class Media:
        css: ClassVar = {"all": ("knowledge/staff.css", "videos/staff.css")}
        js: ClassVar = [
            Script("videos/chapters.js", type="module"),
            Script("videos/preview.js", type="module"),
        ]

    def get_urls(self) -> list[Any]:
        return [self.page("try/", self.trial, "try"), *super().get_urls()]

    def page(self, route: str, view: Callable[..., HttpResponseBase], name: str) -> Any:
        return path(route, self.admin_site.admin_view(view), name=f"videos_video_{name}")

    def get_fieldsets(self, request: HttpRequest, obj: Video | None = None) -> Any:
        shown = ["published"] if self.has_publish_permission(request) else []
        return [
            (None, {"fields": ["title", "description", "tags", "language"]}),
            ("Source", {"fields": ["address", "upload", "duration", "starts_at"]}),
            ("Poster", {"fields": ["poster_upload", *(["poster_away"] if obj and obj.poster else [])]}),
            ("Shown", {"fields": [*shown, "valid_from", "valid_until"]}),
            (
                "New captions",
                {"fields": ["captions_upload", "captions_language", "captions_label", "captions_use"]},
            ),
        ]

    # --- Who may ---------------------------------------------------------------------------------
    def has_publish_permission(self, request: HttpRequest) -> bool:
        return roles.may(request.user, "publish_video")

    def has_change_permission(self, request: HttpRequest, obj: Video | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Video | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_theirs(request, obj)

    def _is_theirs(self, request: HttpRequest, obj: Video | None) -> bool:
        return obj is None or not obj.published or self.has_publish_permission(request)

    # --- Saving ----------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Video, form: Any, change: bool) -> None:
        if not change and not self.has_publish_permission(request):
            obj.published = False
        file = form.cleaned_data.get("upload")
        if file is not None:
            file.name = f"video.{form.kind}"
        catalogue.save(obj, file=file, poster=form.poster)
        if file is not None:  # after the commit, which the database's other writers wait for
            transaction.on_commit(partial(_fill_in, obj.pk, form.kind, asked=form.poster is not None))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        video: Video = form.instance
        if form.cues:
            self._take_captions(request, video, form)
        catalogue.touch(video.pk)
        transaction.on_commit(partial(reading.read_soon, video.pk))

    def _take_captions(self, request: HttpRequest, video: Video, form: Any) -> None:
        data = form.cleaned_data
        use = data.get("captions_use") or "captions"
        if use != "chapters":
            language = data["captions_language"]
            catalogue.put_captions(video.pk, language, data.get("captions_label") or language, form.cues)
        if use != "captions":
            found = (
                captions.chapters_of(form.cues) if use == "chapters" else captions.chapters_from(form.cues)
            )
            catalogue.set_chapters(
                video.pk, [catalogue.NewChapter(chapter.start, chapter.title) for chapter in found]
            )
            self.message_user(request, f"{len(found)} chapters were made.", messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: Video) -> None:
        catalogue.remove([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        catalogue.remove(queryset.values_list("pk", flat=True))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Names only: pieces and captions go with their video, and may be thousands."""
        rows = list(objs)
        allowed = all(self.has_delete_permission(request, row) for row in rows)
        return [str(row) for row in rows], {"videos": len(rows)}, set() if allowed else {"video"}, []

    # --- Actions ---------------------------------------------------------------------------------
    @admin.action(description="Publish", permissions=["publish"])
    def publish(self, request: HttpRequest, chosen: QuerySet[Video]) -> None:
        self._set_published(request, chosen, True)

    @admin.action(description="Unpublish", permissions=["publish"])
    def unpublish(self, request: HttpRequest, chosen: QuerySet[Video]) -> None:
        self._set_published(request, chosen, False)

    def _set_published(self, request: HttpRequest, chosen: QuerySet[Video], published: bool) -> None:
        rows = list(chosen.exclude(published=published))
        catalogue.set_published([row.pk for row in rows], published)
        for row in rows:
            self.log_change(request, row, "Published." if published else "Unpublished.")
        words = "published." if published else "unpublished: not shown any more, from now on."
        self.message_user(request, f"{len(rows)} {words}", messages.SUCCESS)

    # --- The test box ----------------------------------------------------------------------------
    def trial(self, request: HttpRequest) -> HttpResponse:
        """Which videos would this text bring, and why?"""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        text = request.GET.get("q", "").strip()[:_LONGEST_TRIAL]
        found = recommend.explain(text)[:_TOLD] if text else []
        page = {
            **self.admin_site.each_context(request),
            "title": "Try a question",
            "opts": self.opts,
            "media": self.media,
            "question": text,
            "threshold": recommend.THRESHOLD,
            "found": _told(found),
            "any_shown": any(judged.reason == "shown" for judged in found),
        }
        return TemplateResponse(request, "admin/videos/video/try.html", page)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        if row is not None:
            context["preview"] = catalogue.playable(row.pk, drafts=True)
            context["locked"] = row.published and not self.has_publish_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Shown -----------------------------------------------------------------------------------
    @admin.display(description="Video", ordering="duration")
    def picture(self, obj: Video) -> SafeString:
        """The poster with the duration on it."""
        length = clock(round(obj.duration)) if obj.duration is not None else "–"
        still = format_html('<img src="{}" alt="" loading="lazy">', public_path(obj.poster.name))
        return format_html('<span class="poster">{}<b>{}</b></span>', still if obj.poster else "", length)

    @admin.display(description="State", ordering="published")
    def state(self, obj: Video) -> SafeString:
        now = timezone.now()
        if not obj.published:
            name, label = "unpublished", "Unpublished"
        elif obj.valid_until and obj.valid_until <= now:
            name, label = "overdue", "Over"
        elif obj.valid_from and obj.valid_from > now:
            name, label = "overdue", "Not yet"
        elif not obj.recipe:
            name, label = "pending", "Pending"
        else:
            name, label = "ready", "Published"
        pill = '<span class="pill pill-{}">{}</span><span class="figure">{}</span>'
        return format_html(pill, name, label, obj.get_provider_display())

    @admin.display(description="Shown", ordering="shown")
    def times_shown(self, obj: Video) -> int:
        return obj.shown

    @admin.display(description="Played", ordering="played")
    def times_played(self, obj: Video) -> int:
        return obj.played

    @admin.display(description="Helped", ordering="helped")
    def help(self, obj: Video) -> str:
        return f"{obj.helped} yes, {obj.not_helped} no" if obj.helped or obj.not_helped else "–"


def _fill_in(video_id: int, kind: uploads.Kind, *, asked: bool) -> None:
    """Duration and poster from the stored file, where staff left them open. `asked`: about the poster."""
    video = catalogue.video(video_id)
    if video is None or (video.duration is not None and (asked or video.poster)):
        return
    told = uploads.measure(Path(video.file.path), kind)
    if video.duration is None:
        video.duration = told.duration
    catalogue.save(video, poster=None if asked or video.poster else told.poster or None)


def _told(found: list[ranking.Judged]) -> list[dict[str, Any]]:
    """Rows of the test box; the threshold's line stands before the first row with `line`."""
    below = next((place for place, judged in enumerate(found) if judged.reason == "weak"), -1)
    return [
        {
            "judged": judged,
            "why": WHY[judged.reason] or judged.video.state,
            "start": clock(judged.beginning.start),
            "line": place == below,
        }
        for place, judged in enumerate(found)
    ]
