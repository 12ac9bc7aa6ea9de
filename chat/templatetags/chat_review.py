"""Links and words of the pages on which staff read conversations."""

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.timesince import timesince

from chat.models import ShownVideo, Source
from chat.transcripts import review

register = template.Library()


@register.filter
def passage_link(source: Source) -> str:
    """Where staff can mend what was quoted; "" for the web, and for what has no place."""
    if source.source_id is None or source.kind == Source.Kind.WEB:
        return ""
    if source.kind == Source.Kind.FAQ:
        return _place("knowledge_faq_change", source.source_id)
    page = _place("knowledge_document_passages", source.source_id)
    return f"{page}?passage={source.chunk_id}#passage-{source.chunk_id}" if page and source.chunk_id else page


@register.filter
def video_link(video: ShownVideo) -> str:
    return _place("videos_video_change", video.video_id)


@register.filter
def cost(message: Any) -> str:
    """ "$0.0019", or "" where no model wrote."""
    dollars = review.dollars(message)
    return "" if dollars is None else money(dollars)


@register.filter
def money(dollars: Any) -> str:
    return f"${dollars:,.4f}" if dollars < 1 else f"${dollars:,.2f}"


@register.filter
def clock(seconds: float) -> str:
    """Seconds of a video as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@register.filter
def ago(at: Any) -> str:
    """When it was, in one unit: "3 minutes ago"."""
    if not at or (timezone.now() - at).total_seconds() < 60:
        return "just now"
    return f"{timesince(at, depth=1)} ago"


def _place(name: str, key: int) -> str:
    try:
        return reverse(f"admin:{name}", args=[key])
    except NoReverseMatch:
        return ""
