"""Staff read every stored conversation; nobody edits one."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat.models import Conversation, Feedback, Message, Source
from joblynk.admin import RecordAdmin

FIRST_WORDS = 90  # characters of the first question in the list


class OutcomeFilter(admin.SimpleListFilter):
    """What became of the answers, in the words of the people who look for trouble."""

    title = "answers"
    parameter_name = "answers"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("no_answer", "something was not found"),
            ("not_helpful", "marked not helpful"),
            ("failed", "failed or broken off"),
            ("llm", "written by the model"),
            ("offline", "quoted from the guides"),
            ("web", "from the web"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        answers = Message.objects.filter(conversation=OuterRef("pk"), removed=False)
        match self.value():
            case None:
                return queryset
            case "no_answer":
                found = answers.filter(finish=Message.Finish.NO_ANSWER)
            case "not_helpful":
                found = answers.filter(feedback__value=-1)
            case "failed":
                found = answers.filter(finish__in=[Message.Finish.ERROR, Message.Finish.INTERRUPTED])
            case mode:
                found = answers.filter(mode=mode)
        return queryset.filter(Exists(found))


@admin.register(Conversation)
class ConversationAdmin(RecordAdmin[Conversation]):
    list_display = ("first_question", "status_pill", "questions", "not_found", "visitor_name", "updated_at")
    list_filter = ("status", OutcomeFilter, "updated_at")
    list_per_page = 50
    show_full_result_count = False
    date_hierarchy = "updated_at"
    search_fields = ("id", "contact_email")
    search_help_text = "Words of the conversation, an e-mail address, or the conversation's id."
    change_form_template = "admin/chat/conversation/change_form.html"

    class Media:
        css = {"all": ("chat/transcript.css",)}  # noqa: RUF012 - what Django documents

    # --- The list ------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        first = Message.objects.filter(conversation=OuterRef("pk"), role=Message.Role.USER)
        # A page that was opened and never written to is no conversation.
        return (
            super()
            .get_queryset(request)
            .filter(last_seq__gt=0)
            .annotate(
                first_text=Subquery(first.order_by("created_at").values("text")[:1]),
                question_count=Count("messages", filter=Q(messages__role=Message.Role.USER)),
                gap_count=Count("messages", filter=Q(messages__finish=Message.Finish.NO_ANSWER)),
            )
            .order_by("-updated_at")
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        found, distinct = super().get_search_results(request, queryset, search_term)
        if not search_term:
            return found, distinct
        # No join: the list's counts would count what matches instead of what is there.
        texts = Message.objects.filter(conversation=OuterRef("pk"), text__icontains=search_term)
        return found | queryset.filter(Exists(texts)), distinct

    @admin.display(description="conversation")
    def first_question(self, row: Any) -> str:
        text = row.first_text or "(no question)"
        return text if len(text) <= FIRST_WORDS else f"{text[:FIRST_WORDS]}…"

    @admin.display(description="state", ordering="status")
    def status_pill(self, row: Conversation) -> SafeString:
        return format_html('<span class="pill pill-{}">{}</span>', row.status, row.get_status_display())

    @admin.display(description="questions", ordering="question_count")
    def questions(self, row: Any) -> int:
        return int(row.question_count)

    @admin.display(description="not found", ordering="gap_count")
    def not_found(self, row: Any) -> str:
        return str(row.gap_count or "")

    @admin.display(description="customer")
    def visitor_name(self, row: Conversation) -> str:
        return row.contact_email or f"Visitor {row.visitor[:4]}"

    # --- One conversation ----------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["transcript"] = (
            Message.objects.filter(conversation=kwargs["obj"])
            .select_related("feedback", "reply_to")
            .prefetch_related(Prefetch("sources", Source.objects.order_by("rank")))
            .order_by("created_at")
        )
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Feedback)
class FeedbackAdmin(admin.ModelAdmin[Feedback]):
    list_display = ("value", "reason", "comment", "message", "at")
    list_filter = ("value", "reason", "at")
    list_select_related = ("message",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Feedback | None = None) -> bool:
        return False
