"""Markdown → HTML that is safe to show: the one parser and the one allow-list. Sanitising comes last."""

from collections.abc import Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

_LISTED = "a blockquote br code em h3 h4 hr li ol p pre s strong table tbody td th thead tr ul"
TAGS = frozenset(_LISTED.split())
_ATTRIBUTES = {
    "a": {"href", "class", "data-source", "title"},
    "ol": {"start"},
    "th": {"align"},
    "td": {"align"},
}


def parser() -> MarkdownIt:
    """What is written as HTML stays text."""
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


def safe_html(by: MarkdownIt, tokens: Sequence[Token]) -> str:
    """The tokens as HTML of `TAGS` alone, their headings below those of a page."""
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h3" if token.tag in ("h1", "h2", "h3") else "h4"
    html: Any = by.renderer.render(tokens, by.options, {})
    clean = nh3.clean(
        html,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow",
        attribute_filter=_only_our_classes,
    )
    return clean.strip()


def _only_our_classes(tag: str, name: str, value: str) -> str | None:
    return None if name == "class" and (tag, value) != ("a", "cite") else value
