"""What the assistant may show: videos with their chapters and captions.

The database is the only truth. Each process keeps the searchable pieces in memory and follows
`CatalogueState.generation`: a video with a higher generation changed, `RemovedVideo` names those gone.
"""

from typing import ClassVar
from uuid import uuid4

from django.core.validators import MinLengthValidator, MinValueValidator
from django.db import models

TITLE_LENGTH = 200
DESCRIPTION_LENGTH = 5_000


def file_path(video: "Video", filename: str) -> str:
    """Files are stored under names of our own; what the uploader called them is not kept."""
    return f"videos/{uuid4().hex}.{'webm' if filename.lower().endswith('.webm') else 'mp4'}"


def poster_path(video: "Video", filename: str) -> str:
    return f"posters/{uuid4().hex}.webp"


def public_path(name: str) -> str:
    """Where a page finds a stored file or poster: "/videos/<uuid>.webm", "/videos/posters/<uuid>.webp"."""
    return f"/videos/{name.removeprefix('videos/')}" if name else ""


class Video(models.Model):
    """One tutorial. `file` is set exactly when `provider` is "file", `external_id` otherwise."""

    class Provider(models.TextChoices):
        YOUTUBE = "youtube", "YouTube"
        VIMEO = "vimeo", "Vimeo"
        FILE = "file", "Uploaded file"

    title = models.CharField(max_length=TITLE_LENGTH, validators=[MinLengthValidator(3)])
    description = models.TextField(
        max_length=DESCRIPTION_LENGTH, blank=True, help_text="What it shows, in the words of your customers."
    )
    provider = models.CharField("source", max_length=7, choices=Provider.choices, default=Provider.FILE)
    external_id = models.CharField(max_length=32, blank=True, editable=False)
    """The host's name for it: 11 characters at YouTube, digits at Vimeo."""
    external_hash = models.CharField(max_length=32, blank=True, editable=False)
    """The second half of the address of an unlisted video at Vimeo."""
    file = models.FileField(upload_to=file_path, blank=True)
    size = models.PositiveBigIntegerField(default=0, editable=False)
    """Bytes of `file`."""
    poster = models.FileField(upload_to=poster_path, blank=True)
    """Always WebP of our own making."""
    starts_at = models.FloatField(
        default=0,
        validators=[MinValueValidator(0)],
        help_text="Seconds. Where it starts when no chapter or caption matches better.",
    )
    duration = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0)])
    """Seconds."""
    language = models.CharField(max_length=12, default="en", help_text="A language tag, such as en or de-CH.")
    tags = models.JSONField(default=list, blank=True)
    """Words that customers use and the texts do not: list[str]."""
    published = models.BooleanField(
        default=True, db_index=True, help_text="Only published videos are shown. Takes effect at once."
    )
    valid_from = models.DateTimeField(null=True, blank=True, help_text="Not shown before.")
    valid_until = models.DateTimeField(null=True, blank=True, help_text="Not shown from then on.")
    shown = models.PositiveIntegerField("times shown", default=0, editable=False)
    played = models.PositiveIntegerField("times played", default=0, editable=False)
    helped = models.PositiveIntegerField(default=0, editable=False)
    not_helped = models.PositiveIntegerField(default=0, editable=False)
    """What customers said; counts only, nobody's words."""
    origin = models.CharField(max_length=255, blank=True, db_index=True, editable=False)
    """Where a loader took it from ("demo/first-steps"); blank when staff wrote it."""
    recipe = models.CharField(max_length=200, blank=True, editable=False)
    """Who embedded its pieces, and how; blank while they have no vectors."""
    generation = models.PositiveBigIntegerField(default=0, db_index=True, editable=False)
    created_at = models.DateTimeField("added", auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["title", "pk"]
        permissions: ClassVar = [("publish_video", "Can publish videos")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(provider="file", external_id="") & ~models.Q(file="")
                | models.Q(provider__in=["youtube", "vimeo"], file="") & ~models.Q(external_id=""),
                name="video_has_one_source",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_from=None)
                | models.Q(valid_until=None)
                | models.Q(valid_until__gt=models.F("valid_from")),
                name="video_is_valid_for_some_time",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Chapter(models.Model):
    """A stretch of a video, from `start` to the next chapter's start. Staff choose the order of the list."""

    video = models.ForeignKey(Video, models.CASCADE, related_name="chapters")
    position = models.PositiveIntegerField(default=0)
    start = models.FloatField(validators=[MinValueValidator(0)])
    """Seconds."""
    title = models.CharField(max_length=TITLE_LENGTH)
    text = models.TextField(blank=True, max_length=DESCRIPTION_LENGTH)

    class Meta:
        ordering: ClassVar = ["position", "start", "pk"]

    def __str__(self) -> str:
        return self.title


class CaptionTrack(models.Model):
    """The captions of one language; served as WebVTT that is written anew from the cues."""

    video = models.ForeignKey(Video, models.CASCADE, related_name="tracks")
    language = models.CharField(max_length=12, default="en")
    label = models.CharField(max_length=60, default="English")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["video", "language"], name="caption_track_language")
        ]

    def __str__(self) -> str:
        return self.label


class Cue(models.Model):
    """One caption, as plain text: markup is taken out when it is read."""

    track = models.ForeignKey(CaptionTrack, models.CASCADE, related_name="cues")
    start = models.FloatField()
    end = models.FloatField()
    """Seconds."""
    text = models.TextField()

    class Meta:
        ordering: ClassVar = ["start", "pk"]

    def __str__(self) -> str:
        return self.text


class Piece(models.Model):
    """A searchable text of one video with its vector. Derived, never edited."""

    class Kind(models.TextChoices):
        TITLE = "title"
        DESCRIPTION = "description"
        CHAPTER = "chapter"
        CAPTION = "caption"

    video = models.ForeignKey(Video, models.CASCADE, related_name="pieces")
    kind = models.CharField(max_length=11, choices=Kind.choices)
    start = models.FloatField(default=0)
    """Second at which playing begins when this piece matches."""
    text = models.TextField()
    text_hash = models.CharField(max_length=32, db_index=True)
    """blake2b-128 of the embedded text: equal text under one recipe has an equal vector."""
    vector = models.BinaryField(default=b"")
    """float32, little-endian, `dimension` numbers of length 1, and as many for the first sentence of
    captions; empty while it is not embedded."""

    def __str__(self) -> str:
        return self.text[:80]


class RemovedVideo(models.Model):
    """A video that is gone, so that other processes can drop it from memory."""

    video_id = models.BigIntegerField()
    generation = models.PositiveBigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"{self.video_id} (generation {self.generation})"


class CatalogueState(models.Model):
    """The one row (pk 1) that every change of the catalogue raises, and so serialises."""

    generation = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"generation {self.generation}"
