"""What of the knowledge base wants a person, for the admin's first page."""

from typing import Any

from django import template

from knowledge import library, roles

register = template.Library()


@register.inclusion_tag("admin/knowledge/attention.html", takes_context=True)
def knowledge_attention(context: dict[str, Any]) -> dict[str, Any]:
    user = context["request"].user
    if not roles.may(user, "view_document"):
        return {}
    return {"attention": library.attention(), "shows_faqs": roles.may(user, "view_faq")}
