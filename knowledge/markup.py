"""Markdown of staff → HTML, as customers see it but for its links, which keep their address."""

from functools import cache

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

from joblynk.markdown import parser, safe_html


def to_html(text: str) -> SafeString:
    """Raw HTML is text, pictures are left out."""
    return SafeString(safe_html(_parser(), _parser().parse(text)))


@cache
def _parser() -> MarkdownIt:
    return parser().disable("image")
