"""The chat's pages for staff: one module per subject."""

from chat.admin import conversations, spending

__all__ = ["conversations", "spending"]
