"""The chat's pages for staff: one module per subject."""

from chat.admin import conversations

__all__ = ["conversations"]
