"""Who of the staff read, took away or erased what."""

from typing import ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from chat.models import AuditEntry
from joblynk.admin import RecordAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin[AuditEntry]):
    list_display = ("at", "actor_name", "action", "where", "detail")
    list_filter = ("action", "at")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("actor_name", "conversation")
    search_help_text = "A name, or a conversation's id."

    class Media:
        css: ClassVar = {"all": ("chat/transcript.css", "staff/conversations.css")}

    @admin.display(description="conversation", empty_value="–")
    def where(self, row: AuditEntry) -> str | None:
        if row.conversation is None:
            return None
        url = reverse("admin:chat_conversation_change", args=[row.conversation])
        return format_html('<a href="{}">{}</a>', url, str(row.conversation)[:8])
