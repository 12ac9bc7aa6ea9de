"""What the chat stores. One module per subject; Django finds all of them here."""

from chat.models.conversations import Conversation, Event, Feedback, Message, Source
from chat.models.deliveries import ConfirmedAddress, DeliveryEvent, TranscriptDelivery
from chat.models.pictures import Attachment
from chat.models.reviewing import AuditEntry, Digest, Note
from chat.models.spending import Spending
from chat.models.videos import ShownVideo

__all__ = [
    "Attachment",
    "AuditEntry",
    "ConfirmedAddress",
    "Conversation",
    "DeliveryEvent",
    "Digest",
    "Event",
    "Feedback",
    "Message",
    "Note",
    "ShownVideo",
    "Source",
    "Spending",
    "TranscriptDelivery",
]
