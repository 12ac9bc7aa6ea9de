"""Transcripts by e-mail: what became of each, and sending one again."""

import uuid
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from chat import doorbell
from chat.models import DeliveryEvent, TranscriptDelivery
from chat.transcripts import deliveries
from joblynk.admin import RecordAdmin


class EventInline(admin.TabularInline[DeliveryEvent, TranscriptDelivery]):
    model = DeliveryEvent
    fields = ("at", "kind", "attempt", "reason")
    extra = 0
    verbose_name_plural = "what the mail service told"

    def has_add_permission(self, request: HttpRequest, *args: object) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *args: object) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *args: object) -> bool:
        return False


@admin.register(TranscriptDelivery)
class DeliveryAdmin(RecordAdmin[TranscriptDelivery]):
    list_display = (
        "email",
        "state_pill",
        "purpose",
        "conversation_link",
        "tries",
        "error",
        "created_at",
    )
    list_filter = ("state", "purpose", "created_at")
    list_per_page = 50
    show_full_result_count = False
    date_hierarchy = "created_at"
    search_fields = ("email", "service_id", "=conversation__id")
    search_help_text = "An e-mail address, the mail service's id, or the conversation's id."
    inlines = (EventInline,)
    actions = ("resend",)
    exclude = ("network", "mailbox", "address", "last_message")

    class Media:
        css: ClassVar = {"all": ("chat/transcript.css",)}

    def has_resend_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return not isinstance(user, AnonymousUser) and user.has_perm("chat.resend_transcriptdelivery")

    def get_urls(self) -> list[Any]:
        send = self.admin_site.admin_view(require_POST(self.resend_one))
        return [path("<uuid:pk>/resend/", send, name="chat_transcriptdelivery_resend"), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = context["original"]
        again = row.attempts > 0 and row.state in deliveries.RESENDABLE
        context["may_resend"] = again and self.has_resend_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def resend_one(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        if not (self.has_view_permission(request) and self.has_resend_permission(request)):
            raise PermissionDenied
        self.resend(request, self.get_queryset(request).filter(pk=pk))
        return redirect("admin:chat_transcriptdelivery_change", pk)

    @admin.display(description="state", ordering="state")
    def state_pill(self, row: TranscriptDelivery) -> SafeString:
        words = row.get_state_display()
        return format_html('<span class="pill pill-{}" title="{}">{}</span>', row.state, words, row.state)

    @admin.display(description="tries", ordering="attempts")
    def tries(self, row: TranscriptDelivery) -> str:
        return f"{row.attempts}, {row.ambiguous_tries} unclear" if row.ambiguous_tries else str(row.attempts)

    @admin.display(description="conversation")
    def conversation_link(self, row: TranscriptDelivery) -> SafeString:
        page = reverse("admin:chat_conversation_change", args=[row.conversation_id])
        return format_html('<a href="{}">{}</a>', page, str(row.conversation_id)[:8])

    @admin.action(description="Send again", permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[TranscriptDelivery]) -> None:
        chosen = list(queryset.values_list("id", flat=True))
        sent, events = deliveries.resend(chosen)
        doorbell.ring(events)
        self.message_user(request, f"{sent} of {len(chosen)} will be sent again.", messages.SUCCESS)
        if sent < len(chosen):
            words = "The others are still on their way, or wait for their address to be confirmed."
            self.message_user(request, words, messages.WARNING)
