"""What the team tells each other about a conversation. Customers, their transcripts and the assistant know
nothing of it."""

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from chat.models import Conversation, Note
from chat.transcripts.log import Refused
from chat.transcripts.people import Person


def add_note(
    conversation: uuid.UUID, person: Person, action: uuid.UUID, text: str, at: datetime
) -> Refused | None:
    """The same action again adds nothing."""
    if not Conversation.objects.filter(id=conversation).exists():
        return Refused("not_found")
    row = Note(conversation_id=conversation, author_id=person.id, author_name=person.name, text=text)
    row.created_at, row.client_action_id = at, action
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        known = Note.objects.filter(conversation=conversation, client_action_id=action).exists()
        return None if known else Refused("not_found")  # erased in this moment
    return None
