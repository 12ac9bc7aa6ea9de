"""Customers get what is published now; staff who may see videos also get what is not."""

from collections.abc import Callable
from typing import Any

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from joblynk import executors
from videos import catalogue, sources
from videos.models import public_path
from videos.serving.streaming import respond

GONE = "This video is no longer available."
TYPES = {"webm": "video/webm", "mp4": "video/mp4", "webp": "image/webp"}
_FILE_HEADERS = {
    # Asked again each time: an unpublished video stops at once, a published one costs a 304.
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@require_safe
@never_cache
async def video(request: HttpRequest, video_id: int) -> HttpResponse:
    """What a player needs: `{id, title, provider, duration, src, poster, embed, captions[], chapters[]}`."""
    found = await _published_or_draft(request, catalogue.playable, video_id)
    return JsonResponse(described(found)) if found is not None else _gone()


@require_safe
@never_cache
async def captions(request: HttpRequest, video_id: int, track_id: int) -> HttpResponse:
    text = await _published_or_draft(request, catalogue.track_text, video_id, track_id)
    if text is None:
        return _gone()
    return HttpResponse(
        text, content_type="text/vtt; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"}
    )


@require_safe
async def video_file(request: HttpRequest, name: str, kind: str) -> HttpResponseBase:
    return await _file(request, "file", f"videos/{name}.{kind}", TYPES[kind])


@require_safe
async def poster(request: HttpRequest, name: str) -> HttpResponseBase:
    return await _file(request, "poster", f"posters/{name}.webp", TYPES["webp"])


def described(found: catalogue.Playable) -> dict[str, Any]:
    source = found.source
    return {
        "id": found.video_id,
        "title": found.title,
        "provider": found.provider,
        "duration": found.duration,
        "src": public_path(found.file),
        "poster": public_path(found.poster),
        "embed": sources.player(source, source.start) if source else "",
        "captions": [
            {
                "lang": track.language,
                "label": track.label,
                "src": reverse("video_captions", args=(found.video_id, track.track_id)),
            }
            for track in found.tracks
        ],
        "chapters": [
            {
                "start": chapter.start,
                "title": chapter.title,
                "embed": sources.player(source, chapter.start) if source else "",
            }
            for chapter in found.chapters
        ],
    }


async def _file(request: HttpRequest, field: str, name: str, content_type: str) -> HttpResponseBase:
    if not await _published_or_draft(request, catalogue.may_serve, field, name):
        return _gone()
    opened = await executors.database(_open, name)
    if opened is None:
        return _gone()
    response = await respond(request, *opened, content_type)
    for header, value in _FILE_HEADERS.items():
        response.headers[header] = value
    return response


def _open(name: str) -> tuple[Any, int, float] | None:
    """The file, its size in bytes, and when it was stored."""
    try:
        file = default_storage.open(name)
        return file, file.size, default_storage.get_modified_time(name).timestamp()
    except FileNotFoundError:
        return None


async def _published_or_draft(request: HttpRequest, find: Callable[..., Any], *arguments: Any) -> Any:
    """What `find` finds of the published, else of all for staff who may see them."""

    def look() -> Any:
        return find(*arguments) or (_may_preview(request) and find(*arguments, drafts=True)) or None

    return await executors.database(look)


def _may_preview(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_staff and request.user.has_perm("videos.view_video")


def _gone() -> JsonResponse:
    return JsonResponse({"code": "not_found", "text": GONE}, status=404)
