"""What customers said of answers."""

from django.contrib import admin

from chat.models import Feedback
from joblynk.admin import RecordAdmin


@admin.register(Feedback)
class FeedbackAdmin(RecordAdmin[Feedback]):
    list_display = ("value", "reason", "comment", "message", "at")
    list_filter = ("value", "reason", "at")
    list_select_related = ("message",)
    list_per_page = 50
    show_full_result_count = False
