"""Videos that were shown under an answer, as they were described at that moment, and what the customer did
with them. Nothing refers to the catalogue but by number: a change there never changes a stored answer."""

from django.db import models

from chat.models.conversations import Message


class ShownVideo(models.Model):
    """One card. `watched` only grows, `helped` is the last that was said."""

    class Watched(models.IntegerChoices):
        """Percent of the video that playing has reached."""

        NOTHING = 0, "not played"
        QUARTER = 25, "a quarter"
        HALF = 50, "half"
        THREE_QUARTERS = 75, "three quarters"
        WHOLE = 100, "to the end"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="videos")
    rank = models.PositiveSmallIntegerField(help_text="Place among the cards, from 1.")
    video_id = models.BigIntegerField()
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    duration = models.FloatField(null=True, blank=True, help_text="Seconds.")
    start = models.FloatField(default=0, help_text="Second at which playing begins.")
    chapter = models.CharField(max_length=200, blank=True, help_text="The chapter that matched.")
    poster = models.CharField(max_length=200, blank=True, help_text="Path of the still picture.")
    provider = models.CharField(max_length=7)
    score = models.FloatField()
    matched = models.CharField(max_length=12, help_text="What of the video matched the question.")

    opened_at = models.DateTimeField(null=True, blank=True)
    watched = models.PositiveSmallIntegerField(choices=Watched, default=Watched.NOTHING)
    left_at = models.FloatField(null=True, blank=True, help_text="Second of the video at the last event.")
    helped = models.SmallIntegerField(
        choices=[(1, "helped"), (0, "not said"), (-1, "did not help")], default=0
    )

    class Meta:
        ordering = ("rank",)
        constraints = (
            models.UniqueConstraint(fields=["message", "video_id"], name="video_shown_once_per_message"),
        )
        indexes = (models.Index(fields=["video_id"], name="shown_video"),)

    def __str__(self) -> str:
        return self.title
