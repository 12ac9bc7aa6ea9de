"""What the language model has cost today, for the admin's first page."""

from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone

from chat import transcripts

register = template.Library()


@register.inclusion_tag("admin/chat/spending_line.html", takes_context=True)
def chat_spending(context: dict[str, Any]) -> dict[str, Any]:
    if not context["request"].user.has_perm("chat.view_spending"):
        return {}
    today = transcripts.spent(timezone.localdate())
    return {
        "today": today,
        "tokens": settings.LLM_TOKENS_PER_DAY,
        "dollars": settings.LLM_DOLLARS_PER_DAY,
    }
