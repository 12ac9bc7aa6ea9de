"""The chat's pages for staff: one module per subject."""

from chat.admin import auditing, conversations, deliveries, feedback, spending

__all__ = ["auditing", "conversations", "deliveries", "feedback", "spending"]
