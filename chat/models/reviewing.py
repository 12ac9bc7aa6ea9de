"""What staff need besides the conversations: where words stand, what they tell each other, who saw what.

`Digest` is derived from a conversation and goes with it. `Note` goes with it too, and has a table of its own:
nothing that reads messages for a customer can come upon one. `AuditEntry` holds nothing of a customer's: it
names a conversation by its random id, and outlives it.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from chat.models.conversations import Conversation


class Digest(models.Model):
    """A conversation as it is searched and filtered, made by the worker some seconds after the fact.

    A newer state replaces the row by a new one, so rows stand in the order in which conversations were last
    spoken in, and the newest hits of a search are found without looking at all of them. The index over
    `words` is the database's own: FTS5 on SQLite, GIN on PostgreSQL (migration 0005).
    """

    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, related_name="digest")
    seq = models.PositiveIntegerField(help_text="Of the conversation, when this was made.")
    at = models.DateTimeField(help_text="When it was last spoken in.")
    not_found = models.BooleanField(default=False)
    not_helpful = models.BooleanField(default=False)
    failed = models.BooleanField(default=False)
    pictures = models.BooleanField(default=False)
    videos = models.BooleanField(default=False)
    words = models.TextField(help_text="Each word once, in lower case and without accents.")

    class Meta:
        indexes = (
            models.Index(fields=["at"], name="digest_at"),
            models.Index(fields=["-id"], condition=Q(not_found=True), name="digest_not_found"),
            models.Index(fields=["-id"], condition=Q(not_helpful=True), name="digest_not_helpful"),
            models.Index(fields=["-id"], condition=Q(failed=True), name="digest_failed"),
            models.Index(fields=["-id"], condition=Q(pictures=True), name="digest_pictures"),
            models.Index(fields=["-id"], condition=Q(videos=True), name="digest_videos"),
        )

    def __str__(self) -> str:
        return f"Digest of {self.conversation_id}"


class Note(models.Model):
    """What one of the team tells the others about a conversation. No customer ever reads it."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.CharField(max_length=80, help_text="Stays when the account goes.")
    text = models.TextField()
    created_at = models.DateTimeField()
    client_action_id = models.UUIDField()

    role = "note"  # among the messages of a page for staff

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(fields=["conversation", "client_action_id"], name="note_once_per_action"),
        )

    def __str__(self) -> str:
        return f"{self.author_name}: {self.text[:60]}"


class AuditEntry(models.Model):
    """Somebody of the staff read, took away, answered or erased. Written once, never changed."""

    class Action(models.TextChoices):
        READ = "read", "read a transcript"
        EXPORT = "export", "exported transcripts"
        TAKEOVER = "takeover", "took a conversation over"
        ASSIGN = "assign", "assigned a conversation"
        RELEASE = "release", "gave a conversation back"
        RESOLVE = "resolve", "closed a conversation"
        VISITOR_EXPORT = "visitor_export", "exported a visitor's data"
        ERASE = "erase", "erased a visitor"
        PRUNE = "prune", "forgot what was too old"

    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor_name = models.CharField(max_length=150, blank=True, help_text="Stays when the account goes.")
    action = models.CharField(max_length=16, choices=Action)
    conversation = models.UUIDField(null=True, blank=True)
    detail = models.CharField(max_length=300, blank=True, help_text="Counts; never a customer's words.")

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ("-id",)
        indexes = (models.Index(fields=["conversation"], name="audit_conversation"),)

    def __str__(self) -> str:
        return f"{self.actor_name} {self.get_action_display()}"
