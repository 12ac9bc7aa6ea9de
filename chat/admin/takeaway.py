"""Conversations in a file: what was said, and the figures of each answer."""

import csv
import io
import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from chat.models import Conversation, Message
from chat.transcripts import review
from joblynk.spreadsheets import wrapped

TYPES = {"csv": "text/csv", "json": "application/json"}
_COLUMNS = (
    *("conversation", "status", "customer", "at", "role", "author", "text", "outcome", "mode", "error"),
    *("search_query", "confidence", "model", "prompt_tokens", "completion_tokens", "dollars"),
    *("first_text_ms", "total_ms", "feedback", "feedback_reason", "feedback_comment"),
    *("cited", "pictures", "videos", "removed"),
)


def as_csv(ids: Sequence[uuid.UUID]) -> str:
    """One line a message. What a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS)
    writer.writeheader()
    for row in _conversations(ids):
        for message in review.messages(row.id):
            values = {"conversation": row.id, "status": row.status, "customer": _customer(row)}
            values |= {key: _flat(value) for key, value in _message(message).items() if key in _COLUMNS}
            values["cited"] = "; ".join(source["title"] for source in _sources(message) if source["number"])
            values["pictures"] = "; ".join(picture["read"] for picture in _pictures(message))
            values["videos"] = "; ".join(video["title"] for video in _videos(message))
            writer.writerow({key: wrapped(str(value)) for key, value in values.items()})
    return out.getvalue()


def as_json(ids: Sequence[uuid.UUID]) -> str:
    found = [
        {
            "id": row.id,
            "status": row.status,
            "customer": _customer(row),
            "locale": row.locale,
            "time_zone": row.time_zone,
            "satisfaction": row.csat_score,
            "satisfaction_comment": row.csat_comment,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "messages": [
                {
                    **_message(message),
                    "passages": _sources(message),
                    "pictures": _pictures(message),
                    "videos": _videos(message),
                }
                for message in review.messages(row.id)
            ],
        }
        for row in _conversations(ids)
    ]
    return json.dumps({"conversations": found}, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


def _conversations(ids: Sequence[uuid.UUID]) -> Iterable[Conversation]:
    return Conversation.objects.filter(id__in=ids).order_by("-updated_at")


def _customer(row: Conversation) -> str:
    return row.contact_email or f"Visitor {row.visitor[:4]}"


def _message(row: Message) -> dict[str, Any]:
    feedback = getattr(row, "feedback", None)
    return {
        "id": row.id,
        "at": row.created_at,
        "role": row.role,
        "author": row.author,
        "text": row.text,
        "outcome": row.finish,
        "mode": row.mode,
        "error": row.error_code,
        "search_query": row.search_query,
        "confidence": row.confidence,
        "model": row.model,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "dollars": review.dollars(row),
        "first_text_ms": row.first_text_ms,
        "total_ms": row.total_ms,
        "feedback": feedback.value if feedback else None,
        "feedback_reason": feedback.reason if feedback else "",
        "feedback_comment": feedback.comment if feedback else "",
        "removed": row.removed,
    }


def _sources(row: Message) -> list[dict[str, Any]]:
    return [
        {
            "rank": source.rank,
            "number": source.number,
            "kind": source.kind,
            "title": source.title,
            "heading": source.heading,
            "page": source.page,
            "read_from_a_scan": source.ocr,
            "quote": source.quote,
            "url": source.url,
            "score": source.score,
        }
        for source in row.sources.all()
    ]


def _pictures(row: Message) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "width": one.width, "height": one.height, "read": one.seen_text}
        for one in row.attachments.all()
    ]


def _videos(row: Message) -> list[dict[str, Any]]:
    return [
        {"title": one.title, "start": one.start, "watched": one.watched, "helped": one.helped}
        for one in row.videos.all()
    ]


def _flat(value: Any) -> Any:
    return "" if value is None else value
