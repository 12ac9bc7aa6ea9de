"""How answers end, and which of them nobody writes any more."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from chat import office, protocol
from chat.models import Conversation, Message, ShownVideo, Source
from chat.protocol import DurableEvent
from chat.transcripts.bulk import store
from chat.transcripts.log import Log
from chat.words import WORDS
from joblynk.clock import database_now


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer ended. `sources` and `videos` are unsaved rows, without their message."""

    conversation: uuid.UUID
    answer_id: uuid.UUID
    finish: str
    at: datetime
    text: str = ""
    html: str = ""
    mode: str = Message.Mode.NONE
    error_code: str = ""
    notice: str = ""
    search_query: str = ""
    confidence: float | None = None
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_text_ms: int | None = None
    total_ms: int | None = None
    suggestions: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    videos: tuple[ShownVideo, ...] = ()
    wants_person: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    conversation: uuid.UUID
    answer_id: uuid.UUID
    reply_to: uuid.UUID | None
    owner: str


@transaction.atomic(savepoint=False)  # in a batch the whole of it is undone anyway
def finish_answers(items: Sequence[Outcome]) -> list[tuple[DurableEvent, ...]]:
    """Store how each answer ended, once: an answer that is no longer pending stays as it is and yields
    no events."""
    log = Log(item.conversation for item in items)
    pending = Message.objects.filter(id__in=[item.answer_id for item in items], pending=True).in_bulk()
    answers: list[Message] = []
    results: list[tuple[DurableEvent, ...]] = []
    for item in items:
        conversation = log.conversations.get(item.conversation)
        answer = pending.pop(item.answer_id, None)
        if conversation is None or answer is None:
            results.append(())
            continue
        results.append(_finish(log, conversation, answer, item))
        answers.append(answer)
    store(answers, update=(*_OUTCOME_FIELDS, "suggestions", "pending", "removed"))
    finished = [item for item, events in zip(items, results, strict=True) if events]
    store([row for item in finished for row in item.sources])
    store([row for item in finished for row in item.videos])
    log.save()
    return results


def _finish(log: Log, conversation: Conversation, answer: Message, item: Outcome) -> tuple[DurableEvent, ...]:
    for name in _OUTCOME_FIELDS:
        setattr(answer, name, getattr(item, name))
    answer.suggestions = list(item.suggestions)
    close_answer(conversation, answer)
    # A person has taken over while the assistant was writing: its words are thrown away.
    answer.removed = conversation.status == Conversation.Status.HUMAN
    for source in item.sources:
        source.message = answer
    for video in item.videos:
        video.message = answer
    if answer.removed:
        return (log.append(conversation, "message.removed", item.at, answer),)
    if item.finish == Message.Finish.ERROR:
        failure = {
            "code": item.error_code,
            "text": WORDS[item.error_code].format(ref=str(answer.id)[:8]),
            "retryable": True,
        }
        failed = log.append(conversation, "answer.failed", item.at, answer, failure)
        return (failed, *_hand_over(log, conversation, answer, item))
    event = log.append(conversation, "message.created", item.at, answer)
    message = protocol.message(answer, item.sources, videos=item.videos)
    created = replace(event, data={"message": message})
    return (created, *_hand_over(log, conversation, answer, item))


def close_answer(conversation: Conversation, answer: Message) -> None:
    answer.pending = False
    # Never below none: a process of the version before may have begun it uncounted.
    conversation.open_answers = max(conversation.open_answers - 1, 0)


def _hand_over(
    log: Log, conversation: Conversation, answer: Message, item: Outcome
) -> tuple[DurableEvent, ...]:
    """bot → waiting, told to the customer: asked for in words, or the assistant is of no use."""
    if conversation.status != Conversation.Status.BOT:
        return ()
    if not item.wants_person and not _is_of_no_use(conversation, answer, item):
        return ()
    waiting = log.change_status(conversation, Conversation.Status.WAITING, item.at)
    words = office.waiting_words(conversation.contact_email, item.at)
    return (waiting, log.notice(conversation, words, item.at))


def _is_of_no_use(conversation: Conversation, answer: Message, item: Outcome) -> bool:
    """A provider failed, or this turn failed and the one before it too."""
    if item.finish not in _FAILED:
        return False
    if item.error_code in ("model_timeout", "model_unavailable"):
        return True
    earlier = Message.objects.filter(
        conversation=conversation,
        role=Message.Role.ASSISTANT,
        removed=False,
        pending=False,
        created_at__lt=answer.created_at,
    ).exclude(id=answer.id)
    last = earlier.order_by("-created_at").values_list("finish", flat=True).first()
    return last in _FAILED


_FAILED = (Message.Finish.ERROR, Message.Finish.NO_ANSWER)


_OUTCOME_FIELDS = (
    *("finish", "text", "html", "mode", "error_code", "notice", "search_query", "confidence", "model"),
    *("prompt_tokens", "completion_tokens", "first_text_ms", "total_ms"),
)


def renew_leases(answer_ids: Sequence[uuid.UUID], lease: timedelta) -> None:
    until = database_now() + lease
    Message.objects.filter(id__in=answer_ids, pending=True).update(lease_until=until)


def abandoned_answers(lease: timedelta) -> list[Pending]:
    """Answers whose process no longer renews them: it was killed, or lost the database. A lease that ends
    later than any can is from before the clock was put back: it begins anew, for its owner may be alive."""
    now = database_now()
    over, unheard_of = Q(lease_until__lt=now), Q(lease_until__gt=now + 2 * lease)
    rows = Message.objects.filter(over | unheard_of, pending=True)[:500]
    if late := [row.id for row in rows if row.lease_until and row.lease_until > now]:
        renew_leases(late, lease)
    return [Pending(r.conversation_id, r.id, r.reply_to_id, r.owner) for r in rows if r.id not in late]


def pending_answer(conversation: uuid.UUID) -> Pending | None:
    row = Message.objects.filter(conversation=conversation, pending=True).order_by("created_at").first()
    return Pending(row.conversation_id, row.id, row.reply_to_id, row.owner) if row else None


def answers_before(conversation: uuid.UUID, seq: int) -> bool:
    """Whether an answer that was started before this event is still to end."""
    rows = Message.objects.filter(conversation=conversation, pending=True)
    return rows.filter(events__type="answer.started", events__seq__lt=seq).exists()


def answer_to(conversation: uuid.UUID, client_message_id: uuid.UUID) -> uuid.UUID | None:
    """The pending answer to the question that the client sent under this id."""
    return (
        Message.objects.filter(
            conversation=conversation, pending=True, reply_to__client_message_id=client_message_id
        )
        .values_list("id", flat=True)
        .first()
    )
