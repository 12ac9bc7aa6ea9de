"""Markdown of staff → HTML that is safe to show. Sanitising comes last."""

from functools import cache
from typing import Any

import nh3
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

_TAGS = "a blockquote br code em h3 h4 hr li ol p pre s strong table tbody td th thead tr ul"


def to_html(text: str) -> SafeString:
    """As customers see it: raw HTML is text, pictures are left out, links keep their address."""
    tokens = _parser().parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h3" if token.tag in ("h1", "h2", "h3") else "h4"
    html: Any = _parser().renderer.render(tokens, _parser().options, {})
    clean = nh3.clean(
        html,
        tags=set(_TAGS.split()),
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow",
    )
    return SafeString(clean.strip())


@cache
def _parser() -> MarkdownIt:
    options = {"html": False, "breaks": True}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"]).disable("image")
