"""The chat's pages for staff: one module per subject."""

from chat.admin import auditing, conversations, feedback, spending

__all__ = ["auditing", "conversations", "feedback", "spending"]
