"""A conversation as staff read it: everything that is stored of it."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from chat.models import Conversation, Message, Note, Source

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a conversation. Tokens and dollars of answers that a model wrote; milliseconds, or None."""

    questions: int
    answers: int
    tokens: int
    dollars: Decimal
    median_ms: int | None
    helpful: int
    not_helpful: int


def messages(conversation: uuid.UUID) -> QuerySet[Message]:
    """Oldest first, with all that belongs to them; also what was removed."""
    return (
        Message.objects.filter(conversation=conversation)
        .select_related("feedback", "reply_to")
        .prefetch_related(Prefetch("sources", Source.objects.order_by("rank")), "attachments", "videos")
        .order_by("created_at", "id")
    )


def with_notes(conversation: uuid.UUID, said: Iterable[Message]) -> list[Message | Note]:
    """The messages, and between them what the team noted at that time."""
    notes = Note.objects.filter(conversation=conversation)
    return sorted([*said, *notes], key=lambda entry: entry.created_at)


def find(conversation: str) -> Conversation | None:
    try:
        return Conversation.objects.filter(id=uuid.UUID(conversation)).first()
    except ValueError:
        return None


def totals(rows: "list[Message]") -> Totals:
    answers = [row for row in rows if row.role == Message.Role.ASSISTANT and not row.removed]
    took = sorted(row.total_ms for row in answers if row.total_ms is not None)
    marks = [row.feedback.value for row in rows if hasattr(row, "feedback")]
    costs = [cost for row in rows if (cost := dollars(row)) is not None]
    return Totals(
        questions=sum(row.role == Message.Role.USER for row in rows),
        answers=len(answers),
        tokens=sum((row.prompt_tokens or 0) + (row.completion_tokens or 0) for row in rows),
        dollars=sum(costs, Decimal()),
        median_ms=took[len(took) // 2] if took else None,
        helpful=marks.count(1),
        not_helpful=marks.count(-1),
    )


def dollars(row: Any) -> Decimal | None:
    """What the model took for an answer, at today's prices; None where no model wrote."""
    if row.prompt_tokens is None or not row.model:
        return None
    prompt, completion = settings.MODEL_PRICES.get(
        row.model, (settings.LLM_PROMPT_PRICE, settings.LLM_COMPLETION_PRICE)
    )
    cost = row.prompt_tokens * prompt + (row.completion_tokens or 0) * completion
    return Decimal(str(cost)) / MILLION
