"""What the chat stores. One module per subject; Django finds all of them here."""

from chat.models.conversations import Conversation, Event, Feedback, Message, Source

__all__ = ["Conversation", "Event", "Feedback", "Message", "Source"]
