"""What the chat stores. One module per subject; Django finds all of them here."""

from chat.models.conversations import Conversation, Event, Feedback, Message, Source
from chat.models.deliveries import ConfirmedAddress, DeliveryEvent, TranscriptDelivery
from chat.models.pictures import Attachment
from chat.models.videos import ShownVideo

__all__ = [
    "Attachment",
    "ConfirmedAddress",
    "Conversation",
    "DeliveryEvent",
    "Event",
    "Feedback",
    "Message",
    "ShownVideo",
    "Source",
    "TranscriptDelivery",
]
