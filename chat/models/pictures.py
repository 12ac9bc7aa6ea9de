"""Pictures that customers show. The bytes of an attachment are in two files, the row's `picture` and `thumb`;
what was read from it, and the customer's correction, are in the row."""

import uuid

from django.db import models

from chat.models.conversations import Message


def _picture_path(attachment: "Attachment", filename: str) -> str:
    """Names of our own; what the customer called it is for display only."""
    return f"pictures/{attachment.id.hex}.{filename.rpartition('.')[2]}"


def _thumb_path(attachment: "Attachment", filename: str) -> str:
    return f"pictures/{attachment.id.hex}-small.jpg"


class Attachment(models.Model):
    """One picture. Without a `message` it has been uploaded and not sent yet, and is forgotten after a day.

    It is read once: who wants to read it claims it until `claimed_until`, and `read_at` ends all claims.
    """

    class Reader(models.TextChoices):
        GROQ = "groq", "vision model"
        OFFLINE = "offline", "text recognition on this server"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    visitor = models.CharField(max_length=32, help_text="Whose it is, also before it is sent.")
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="attachments")
    place = models.PositiveSmallIntegerField(default=0, help_text="Among the pictures of its message.")
    name = models.CharField(max_length=120, blank=True, help_text="What the customer called it.")
    picture = models.FileField(upload_to=_picture_path)
    thumb = models.FileField(upload_to=_thumb_path)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField(help_text="Bytes of the picture as it is kept.")
    created_at = models.DateTimeField()

    claimed_until = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    reader = models.CharField(max_length=10, choices=Reader, blank=True)
    text = models.TextField(blank=True)
    description = models.TextField(blank=True)
    confidence = models.FloatField(null=True, blank=True, help_text="0 to 1, if the reader says.")
    reading_ms = models.PositiveIntegerField(null=True, blank=True)
    failure = models.CharField(max_length=24, blank=True, help_text="Why nobody could read it.")
    correction = models.TextField(null=True, blank=True)  # noqa: DJ001  ("" is a correction too)

    class Meta:
        ordering = ("place",)
        indexes = (
            models.Index(
                fields=["visitor", "created_at"],
                condition=models.Q(message__isnull=True),
                name="attachment_unsent",
            ),
        )

    def __str__(self) -> str:
        return self.name or "picture"

    @property
    def seen_text(self) -> str:
        """What counts as its text: the correction, if there is one."""
        return self.text if self.correction is None else self.correction
