"""Conversations as they are stored.

`Event` is the conversation's log: one row per durable event, numbered without gaps, in the order in
which everybody sees them. It says what happened; the words stand once, in `Message`.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Conversation(models.Model):
    class Status(models.TextChoices):
        BOT = "bot", "assistant answers"
        WAITING = "waiting", "waits for a person"
        HUMAN = "human", "a person answers"
        RESOLVED = "resolved", "closed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    visitor = models.CharField(max_length=32, help_text="Random id in the customer's signed cookie.")
    status = models.CharField(max_length=10, choices=Status, default=Status.BOT)
    epoch = models.PositiveIntegerField(
        default=0, help_text="Raised by each change of status; output of an older epoch is thrown away."
    )
    last_seq = models.PositiveIntegerField(default=0)
    open_answers = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Answers that are being written or wait for their turn."
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    assignee_name = models.CharField(max_length=80, blank=True, help_text="What the customer is told.")
    waiting_since = models.DateTimeField(null=True, blank=True)
    seen_seq = models.PositiveIntegerField(
        default=0, help_text="How far the customer has seen, while a person answers."
    )
    reply_due_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person's words go by e-mail, unless they are seen before."
    )
    contact_email = models.EmailField(blank=True)
    locale = models.CharField(max_length=35, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    csat_score = models.PositiveSmallIntegerField(null=True, blank=True)
    csat_comment = models.TextField(blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=["visitor", "-created_at"], name="conversation_visitor"),
            models.Index(fields=["-updated_at"], name="conversation_recent"),
            models.Index(fields=["status", "-updated_at"], name="conversation_status"),
            models.Index(
                fields=["reply_due_at"],
                condition=Q(reply_due_at__isnull=False),
                name="conversation_reply_due",
            ),
        )
        permissions = (
            ("answer_conversation", "Can answer customers"),
            ("assign_conversation", "Can take a conversation over from a colleague"),
            ("export_conversation", "Can export transcripts"),
            ("erase_conversation", "Can export and erase all that a visitor left"),
        )

    def __str__(self) -> str:
        return f"Conversation {str(self.id)[:8]}"


class Message(models.Model):
    class Role(models.TextChoices):
        USER = "user", "customer"
        ASSISTANT = "assistant", "assistant"
        STAFF = "staff", "staff"
        SYSTEM = "system", "notice"

    class Finish(models.TextChoices):
        STOP = "stop", "complete"
        STOPPED = "stopped", "stopped by the customer"
        INTERRUPTED = "interrupted", "broken off"
        NO_ANSWER = "no_answer", "nothing found"
        ERROR = "error", "failed"

    class Mode(models.TextChoices):
        FAQ = "faq", "FAQ, word for word"
        LLM = "llm", "written by the language model"
        OFFLINE = "offline", "quoted from the guides"
        WEB = "web", "from the web"
        SMALLTALK = "smalltalk", "small talk"
        NONE = "none", "none"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    role = models.CharField(max_length=10, choices=Role)
    author = models.CharField(max_length=80, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True, help_text="Sanitised. Empty for what a customer wrote.")
    reply_to = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="answers"
    )
    client_message_id = models.UUIDField(null=True, blank=True)
    client_action_id = models.UUIDField(null=True, blank=True, help_text="The retry that asked for it.")
    created_at = models.DateTimeField()

    # An answer only
    pending = models.BooleanField(default=False)
    owner = models.CharField(max_length=40, blank=True, help_text="The process that writes it.")
    lease_until = models.DateTimeField(null=True, blank=True)
    removed = models.BooleanField(default=False)
    finish = models.CharField(max_length=12, choices=Finish, blank=True)
    error_code = models.CharField(max_length=24, blank=True)
    mode = models.CharField(max_length=10, choices=Mode, blank=True)
    notice = models.CharField(max_length=120, blank=True, help_text="Why the answer took another way.")
    search_query = models.TextField(blank=True)
    confidence = models.FloatField(null=True, blank=True)
    model = models.CharField(max_length=80, blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    completion_tokens = models.PositiveIntegerField(null=True, blank=True)
    first_text_ms = models.PositiveIntegerField(null=True, blank=True)
    total_ms = models.PositiveIntegerField(null=True, blank=True)
    suggestions = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["conversation", "client_message_id"],
                condition=Q(client_message_id__isnull=False),
                name="message_once_per_client_id",
            ),
            models.UniqueConstraint(
                fields=["conversation", "client_action_id"],
                condition=Q(client_action_id__isnull=False),
                name="message_once_per_action",
            ),
        )
        indexes = (
            models.Index(fields=["conversation", "created_at"], name="message_in_order"),
            models.Index(fields=["lease_until"], condition=Q(pending=True), name="message_pending"),
            models.Index(fields=["finish", "-created_at"], name="message_finish"),
        )

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.text[:60]}"


class Event(models.Model):
    """One durable event of PROTOCOL. `data` holds what does not stand in the message."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=24)
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="events")
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["conversation", "seq"], name="event_numbered_once"),)
        ordering = ("conversation", "seq")

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"


class Source(models.Model):
    """A passage that was retrieved for an answer, as it read at that moment.

    A later change of the knowledge base never changes a stored answer, so nothing here refers to it
    but by number.
    """

    class Kind(models.TextChoices):
        DOCUMENT = "document", "document"
        FAQ = "faq", "FAQ"
        WEB = "web", "web"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="sources")
    rank = models.PositiveSmallIntegerField(help_text="Place in the search result, from 1.")
    number = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The [n] of the answer.")
    kind = models.CharField(max_length=10, choices=Kind)
    source_id = models.BigIntegerField(null=True, blank=True)
    chunk_id = models.BigIntegerField(null=True, blank=True)
    title = models.CharField(max_length=300)
    heading = models.CharField(max_length=500, blank=True)
    page = models.PositiveIntegerField(null=True, blank=True)
    ocr = models.BooleanField("read from a scan", default=False)
    quote = models.TextField()
    url = models.CharField(max_length=2000, blank=True)
    date = models.CharField(max_length=40, blank=True)
    score = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ("rank",)

    def __str__(self) -> str:
        return self.title


class Feedback(models.Model):
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="feedback")
    value = models.SmallIntegerField(choices=[(1, "helpful"), (-1, "not helpful")])
    reason = models.CharField(max_length=40, blank=True)
    comment = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "feedback"

    def __str__(self) -> str:
        return self.get_value_display()
