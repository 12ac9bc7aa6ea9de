"""A transcript as a file: HTML with its pictures inside, text, or JSON."""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from chat.letters.markup import render_html
from chat.letters.plain import render_text
from chat.letters.sheet import Sheet, subject
from chat.transcripts.export import Transcript

Format = Literal["html", "txt", "json"]
CONTENT_TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "json": "application/json",
}


def render_file(
    form: Format, transcript: Transcript, sheet: Sheet, thumbs: Mapping[UUID, bytes], at: datetime
) -> bytes:
    """`thumbs`: JPEG bytes by picture. `at`: when it was asked for."""
    why = [f"Downloaded from {sheet.site_name} on {at.day} {at:%B %Y}."]
    match form:
        case "html":
            sources = {
                picture: f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
                for picture, content in thumbs.items()
            }
            return render_html(sheet, subject(sheet), sources, {"sentences": why}).encode()
        case "txt":
            return render_text(sheet, why).encode()
        case "json":
            return orjson.dumps(_plain(transcript), option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)


def _plain(transcript: Transcript) -> dict[str, Any]:
    """As the customer saw it: names of files on the server and the visitor's id are nobody's business."""
    found = asdict(transcript)
    del found["visitor"]
    for entry in found["entries"]:
        for picture in entry["pictures"]:
            del picture["thumb"]
    return found
