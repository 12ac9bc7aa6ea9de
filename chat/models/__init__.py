"""What the chat stores. One module per subject; Django finds all of them here."""

from chat.models.conversations import Conversation, Event, Feedback, Message, Source
from chat.models.pictures import Attachment

__all__ = ["Attachment", "Conversation", "Event", "Feedback", "Message", "Source"]
