"""Everything else that a customer does to a conversation."""

import uuid
from datetime import datetime

from django.db import transaction

from chat import office
from chat.models import Conversation, Feedback, Message
from chat.protocol import DurableEvent
from chat.transcripts.log import Log, Refused


@transaction.atomic
def set_feedback(
    conversation: uuid.UUID, message_id: uuid.UUID, value: int, reason: str, comment: str, at: datetime
) -> tuple[DurableEvent, ...] | Refused:
    log = Log([conversation])
    message = Message.objects.filter(
        conversation=conversation,
        id=message_id,
        pending=False,
        role__in=[Message.Role.ASSISTANT, Message.Role.STAFF],
    ).first()
    if message is None:
        return Refused("bad_request")
    if value == 0:
        Feedback.objects.filter(message=message).delete()
    else:
        Feedback.objects.update_or_create(
            message=message, defaults={"value": value, "reason": reason, "comment": comment, "at": at}
        )
    event = log.append(log.conversations[conversation], "feedback.saved", at, message, {"value": value})
    log.save()
    return (event,)


@transaction.atomic
def set_csat(conversation: uuid.UUID, score: int, comment: str, at: datetime) -> tuple[DurableEvent, ...]:
    log = Log([conversation])
    Conversation.objects.filter(id=conversation).update(csat_score=score, csat_comment=comment)
    event = log.append(log.conversations[conversation], "csat.saved", at, data={"score": score})
    log.save()
    return (event,)


@transaction.atomic
def request_person(conversation: uuid.UUID, email: str, at: datetime) -> tuple[DurableEvent, ...] | Refused:
    """bot → waiting, told to the customer. An address is kept also when a person is on the way or there."""
    log = Log([conversation])
    row = log.conversations[conversation]
    if row.status == Conversation.Status.RESOLVED:
        return Refused("closed")
    if row.status != Conversation.Status.BOT and not email:
        return ()
    row.contact_email = email or row.contact_email
    events: tuple[DurableEvent, ...] = ()
    if row.status == Conversation.Status.BOT:
        events = (log.change_status(row, Conversation.Status.WAITING, at),)
    words = office.waiting_words(row.contact_email, at)
    if row.status == Conversation.Status.HUMAN:
        words = f"If you leave this page, the answer goes to {row.contact_email}."
    events += (log.notice(row, words, at),)
    log.save()
    return events


@transaction.atomic
def withdraw_request(conversation: uuid.UUID, at: datetime) -> tuple[DurableEvent, ...] | Refused:
    """waiting → bot."""
    log = Log([conversation])
    row = log.conversations[conversation]
    if row.status != Conversation.Status.WAITING:
        return ()
    events = (
        log.change_status(row, Conversation.Status.BOT, at),
        log.notice(row, "You're no longer waiting for a person. The assistant answers.", at),
    )
    log.save()
    return events
