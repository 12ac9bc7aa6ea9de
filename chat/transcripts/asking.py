"""Questions, and answers asked for once more."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from chat.models import Attachment, Conversation, Event, Message
from chat.protocol import DurableEvent
from chat.transcripts.bulk import store
from chat.transcripts.log import Log, Refused
from chat.transcripts.pictures import attach, read_again, save_attached, sendable, sent_with
from joblynk.clock import database_now

AUTHOR = "Assistant"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    conversation: uuid.UUID
    client_message_id: uuid.UUID
    text: str
    owner: str
    at: datetime
    lease_until: datetime
    attachment_ids: tuple[uuid.UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class NewRetry:
    conversation: uuid.UUID
    message_id: uuid.UUID
    client_action_id: uuid.UUID
    owner: str
    at: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """`answer_id` is None when the assistant need not answer: the same frame came again, or a person has
    taken over."""

    question_id: uuid.UUID
    seq: int
    answer_id: uuid.UUID | None = None
    question: str = ""
    events: tuple[DurableEvent, ...] = ()
    pictures: tuple[uuid.UUID, ...] = ()
    """Attachments of the question."""
    waits: bool = False
    """Another answer of the conversation, here or in another process, comes first."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A question that is stored already."""

    text: str
    pictures: tuple[uuid.UUID, ...]
    accepted: Accepted


@transaction.atomic(savepoint=False)  # in a batch the whole of it is undone anyway
def add_questions(items: Sequence[NewQuestion]) -> list[Accepted | Refused]:
    """Store each question with its pending answer. The same frame again gets the same result."""
    log = Log(item.conversation for item in items)
    known = _known_questions(items)
    pictures = sendable(
        {row.visitor for row in log.conversations.values()},
        {picture for item in items for picture in item.attachment_ids},
    )
    messages: list[Message] = []
    results: list[Accepted | Refused] = []
    for item in items:
        key = (item.conversation, item.client_message_id)
        conversation = log.conversations.get(item.conversation)
        if conversation is None:
            results.append(Refused("not_found"))
        elif earlier := known.get(key):
            same = (earlier.text, earlier.pictures) == (item.text, item.attachment_ids)
            results.append(earlier.accepted if same else Refused("conflict"))
        elif conversation.status == Conversation.Status.RESOLVED:
            results.append(Refused("closed"))
        elif (shown := _shown(conversation, item, pictures)) is None:
            results.append(Refused("bad_attachment"))
        else:
            accepted = _add_question(log, conversation, item, messages, shown)
            again = Accepted(accepted.question_id, accepted.seq)
            known[key] = _Known(item.text, item.attachment_ids, again)
            results.append(accepted)
    _lease_on_shared_clock(messages)
    store(messages)
    save_attached([picture for picture in pictures.values() if picture.message_id is not None])
    log.save()
    return results


def _shown(
    conversation: Conversation, item: NewQuestion, pictures: Mapping[uuid.UUID, Attachment]
) -> list[Attachment] | None:
    """The question's pictures; None when one is missing, somebody else's, or was sent before."""
    found = [pictures[key] for key in item.attachment_ids if key in pictures]
    mine = all(one.visitor == conversation.visitor and one.message_id is None for one in found)
    return found if mine and len(found) == len(item.attachment_ids) else None


def _known_questions(items: Sequence[NewQuestion]) -> dict[tuple[uuid.UUID, uuid.UUID], _Known]:
    rows = Event.objects.filter(
        conversation__in={item.conversation for item in items},
        type="message.created",
        message__client_message_id__in={item.client_message_id for item in items},
    ).values_list("conversation_id", "message__client_message_id", "message__text", "message_id", "seq")
    pictures = sent_with([message_id for *_, message_id, _ in rows]) if rows else {}
    return {
        (conversation, client_id): _Known(text, pictures.get(message_id, ()), Accepted(message_id, seq))
        for conversation, client_id, text, message_id, seq in rows
        if client_id is not None and message_id is not None
    }


def _add_question(
    log: Log,
    conversation: Conversation,
    item: NewQuestion,
    messages: list[Message],
    pictures: Sequence[Attachment],
) -> Accepted:
    question = Message(
        conversation=conversation,
        role=Message.Role.USER,
        text=item.text,
        client_message_id=item.client_message_id,
        created_at=item.at,
    )
    messages.append(question)
    attach(question, pictures)
    created = log.append(conversation, "message.created", item.at, question, attachments=pictures)
    if conversation.status == Conversation.Status.HUMAN:
        return Accepted(question.id, created.seq, events=(created,))
    answer = _pending_answer(conversation, question, item)
    messages.append(answer)
    events = (created, log.append(conversation, "answer.started", item.at, answer))
    waits = conversation.open_answers > 1
    return Accepted(question.id, created.seq, answer.id, item.text, events, item.attachment_ids, waits)


def _pending_answer(conversation: Conversation, question: Message, item: NewQuestion | NewRetry) -> Message:
    conversation.open_answers += 1
    return Message(
        conversation=conversation,
        role=Message.Role.ASSISTANT,
        author=AUTHOR,
        reply_to=question,
        pending=True,
        owner=item.owner,
        lease_until=item.lease_until,
        # Just after its question, also where the clock is coarse.
        created_at=item.at + timedelta(microseconds=1),
    )


def _lease_on_shared_clock(messages: Sequence[Message]) -> None:
    """A lease is for another host to read, whose clock may say something else."""
    now = database_now()
    for message in messages:
        if message.lease_until is not None:
            message.lease_until = now + max(message.lease_until - message.created_at, timedelta(0))


@transaction.atomic(savepoint=False)  # in a batch the whole of it is undone anyway
def retry_answers(items: Sequence[NewRetry]) -> list[Accepted | Refused]:
    """Replace an answer by a new pending one to the same question. A repeated action does nothing more."""
    log = Log(item.conversation for item in items)
    results = [_retry_answer(log, item) for item in items]
    log.save()
    return results


def _retry_answer(log: Log, item: NewRetry) -> Accepted | Refused:
    answers = Message.objects.filter(conversation=item.conversation, role=Message.Role.ASSISTANT)
    if done := answers.filter(client_action_id=item.client_action_id).first():
        return Accepted(done.reply_to_id or done.id, 0)
    old = answers.filter(id=item.message_id, pending=False).select_related("reply_to").first()
    conversation = log.conversations.get(item.conversation)
    if old is None or old.reply_to is None or conversation is None:
        return Refused("bad_request")
    if old.removed:  # by a double click, or in another tab
        return Accepted(old.reply_to.id, 0)
    if conversation.status in (Conversation.Status.HUMAN, Conversation.Status.RESOLVED):
        return Refused("closed")
    old.removed = True
    old.save(update_fields=["removed"])
    answer = _pending_answer(conversation, old.reply_to, item)
    answer.client_action_id = item.client_action_id
    _lease_on_shared_clock([answer])
    answer.save(force_insert=True)
    removed = log.append(conversation, "message.removed", item.at, old)
    events = (removed, log.append(conversation, "answer.started", item.at, answer))
    question, waits = old.reply_to, conversation.open_answers > 1
    read_again(question)
    pictures = sent_with([question.id]).get(question.id, ())
    return Accepted(question.id, removed.seq, answer.id, question.text, events, pictures, waits)
