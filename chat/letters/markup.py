"""A sheet as HTML that stands alone: for mail programs, which want styles on every element, and for files."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import nh3
from django.template.loader import render_to_string
from django.utils.html import escape, linebreaks
from django.utils.safestring import SafeString, mark_safe

from chat.letters.plain import WITHOUT_PICTURES
from chat.letters.sheet import Line, Sheet, place
from joblynk.markdown import TAGS

_CITATION = re.compile(r'<a\b(?:(?!class="cite")[^<>])*+class="cite"[^<>]*+>(\d{1,3})</a>')
_MARKER = re.compile(r"\[\[(\d{1,3})\]\]")
_STYLES = {
    "p": "margin:0 0 10px",
    "ul": "margin:0 0 10px;padding-left:22px",
    "ol": "margin:0 0 10px;padding-left:24px",
    "li": "margin:0 0 4px",
    "h3": "margin:14px 0 6px;font-size:16px;line-height:1.35",
    "h4": "margin:12px 0 6px;font-size:15px;line-height:1.35",
    "blockquote": "margin:0 0 10px;padding:0 0 0 12px;border-left:3px solid #0b6e63",
    "table": "border-collapse:collapse;width:100%;margin:0 0 10px;font-size:13px",
    "th": "border:1px solid #ddd8cd;padding:6px 8px;text-align:left;vertical-align:top",
    "td": "border:1px solid #ddd8cd;padding:6px 8px;vertical-align:top",
    "pre": "margin:0 0 10px;padding:10px 12px;border-radius:8px;background:#efece5;white-space:pre-wrap",
    "code": "font-family:Menlo,Consolas,monospace;font-size:13px;word-break:break-word",
    "a": "color:#0a5f86",
}
_CLASSES = {"a": "link", "pre": "sunken", "th": "cell", "td": "cell"}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}


def render_html(sheet: Sheet, subject: str, pictures: Mapping[UUID, str], footer: Mapping[str, Any]) -> str:
    """`pictures`: the address of each picture's thumbnail; what is not in it is only named. `footer` says
    why the reader has this."""
    days = [{"name": day.name, "lines": [_line(line, pictures) for line in day.lines]} for day in sheet.days]
    context = {"sheet": sheet, "subject": subject, "days": days, "footer": footer, "note": WITHOUT_PICTURES}
    return render_to_string("chat/letters/transcript.html", context)


def _line(line: Line, pictures: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "line": line,
        "body": _styled(line.html) if line.html else _plain(line.text),
        "quotes": [{"quote": quote, "place": place(quote)} for quote in line.quotes],
        "pictures": [{"picture": found, "src": pictures.get(found.id, "")} for found in line.pictures],
    }


def _plain(text: str) -> SafeString:
    return mark_safe(linebreaks(text, autoescape=True).replace("<p>", '<p style="margin:0 0 10px">'))  # noqa: S308 - escaped


def _styled(html: str) -> SafeString:
    """The stored HTML, sanitised once more and last, with the styles of `_STYLES` on its elements."""
    clean = nh3.clean(
        _CITATION.sub(r"[[\1]]", html),
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes={"http", "https", "mailto"},
        set_tag_attribute_values={
            tag: {"style": style} | ({"class": _CLASSES[tag]} if tag in _CLASSES else {})
            for tag, style in _STYLES.items()
        },
        link_rel="noopener nofollow",
    )
    return mark_safe(_MARKER.sub(_marker, clean))  # noqa: S308 - sanitised in the line above


def _marker(match: re.Match[str]) -> str:
    return f'<sup class="n" style="color:#0b6e63;font-weight:bold">[{escape(match[1])}]</sup>'
