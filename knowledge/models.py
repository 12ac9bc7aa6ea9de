"""What the assistant may say: documents, FAQs, and the passages they were cut into.

The database is the only truth. Search indexes are caches in memory that follow `IndexState.generation`:
chunks with a higher generation are new, `RemovedChunk` names those that are gone.
"""

from hashlib import blake2b, sha256
from typing import ClassVar
from uuid import uuid4

from django.conf import settings
from django.core.validators import MinLengthValidator
from django.db import models

TITLE_LENGTH = 200


def upload_path(document: "Document", filename: str) -> str:
    """Files are stored under names of our own; what the uploader called them is for display only."""
    return f"documents/{uuid4().hex}.{document.format}"


class Source(models.Model):
    """What documents and FAQs share: whether they are served, and what of them is in the index."""

    published = models.BooleanField(
        default=True,
        db_index=True,
        help_text="Only published content is searched and quoted. Takes effect at once.",
    )
    indexed_hash = models.CharField(max_length=32, blank=True, editable=False)
    """`fingerprint` when it was last read, whether or not that worked."""
    indexed_recipe = models.CharField(max_length=200, blank=True, editable=False)
    chunk_count = models.PositiveIntegerField("passages", default=0, editable=False)
    """Chunks of `indexed_recipe`."""
    origin = models.CharField(max_length=255, blank=True, db_index=True, editable=False)
    """Where a loader took it from ("demo/messages.md"); blank when staff wrote it."""
    due_at = models.DateTimeField(null=True, db_index=True, editable=False)
    """From when on a worker may read it; None when there is nothing to do. A worker that reads it moves
    this ahead again and again: when it dies, the moment comes and the next one takes over."""
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    """How often a worker began to read this content."""
    review_by = models.DateField(
        null=True,
        blank=True,
        db_index=True,
        help_text="When somebody should read it again. It goes on answering after that day.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    @property
    def fingerprint(self) -> str:
        """Changes with everything that is embedded, and with nothing else."""
        raise NotImplementedError


class Document(Source):
    """A text that staff wrote or uploaded. Either `file` or `text` is set."""

    class Format(models.TextChoices):
        MARKDOWN = "md", "Markdown"
        TEXT = "txt", "Plain text"
        HTML = "html", "Web page"
        PDF = "pdf", "PDF"
        WORD = "docx", "Word"
        CSV = "csv", "Table (CSV)"
        POWERPOINT = "pptx", "PowerPoint"
        EXCEL = "xlsx", "Excel"

    class State(models.TextChoices):
        PENDING = "pending", "Waiting to be read"
        READING = "reading", "Being read"
        EMBEDDING = "embedding", "Being added to the search"
        READY = "ready", "Ready"
        FAILED = "failed", "Could not be read"

    title = models.CharField(
        max_length=TITLE_LENGTH, blank=True, help_text="Blank: taken from the document itself."
    )
    name = models.CharField("file name", max_length=TITLE_LENGTH, blank=True, editable=False)
    format = models.CharField(max_length=4, choices=Format.choices, default=Format.MARKDOWN)
    file = models.FileField(upload_to=upload_path, blank=True)
    text = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING, editable=False)
    error = models.TextField(blank=True, editable=False)
    pages = models.PositiveIntegerField(null=True, editable=False)
    size = models.PositiveBigIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    ready_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["title", "pk"]
        permissions: ClassVar = [("publish_document", "Can publish documents")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(file="") | models.Q(text=""), name="document_is_a_file_or_a_text"
            )
        ]

    def __str__(self) -> str:
        return self.title or self.name or f"Document {self.pk}"

    @property
    def fingerprint(self) -> str:
        return _digest(self.content_hash, self.format, self.title)


class Faq(Source):
    """A curated question with the answer to be given word for word."""

    question = models.CharField(max_length=300, validators=[MinLengthValidator(3)])
    phrasings = models.JSONField(default=list, blank=True)
    """Other ways to ask: list[str]."""
    answer = models.TextField(help_text="Markdown.")
    tags = models.JSONField(default=list, blank=True)

    class Meta:
        ordering: ClassVar = ["question", "pk"]
        permissions: ClassVar = [("publish_faq", "Can publish FAQs")]
        verbose_name = "FAQ"

    def __str__(self) -> str:
        return self.question

    @property
    def fingerprint(self) -> str:
        return _digest(self.question, *self.phrasings, "", self.answer)


class DocumentVersion(models.Model):
    """What a document once was: who brought it, and what it changed. The text itself is not kept."""

    document = models.ForeignKey(Document, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField("file name", max_length=TITLE_LENGTH, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    content_hash = models.CharField(max_length=64)
    ready_at = models.DateTimeField(null=True)
    """When its text began to answer; None when it never did."""
    pages = models.PositiveIntegerField(null=True)
    chunks = models.PositiveIntegerField("passages", default=0)
    added = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    """Passages that are new in this version, and those of the one before that are gone."""
    difference = models.JSONField(default=list)
    """The first changed lines of text, each with "+" or "-" before it: list[str]."""

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "number"], name="document_version_number")
        ]

    def __str__(self) -> str:
        return f"Version {self.number}"


class Chunk(models.Model):
    """A passage of one source with its vector. Derived, never edited.

    A FAQ has one passage (its question and answer) and one phrasing per way to ask, the question
    itself included; a phrasing's `text` is that phrasing.
    """

    class Role(models.TextChoices):
        PASSAGE = "passage"
        PHRASING = "phrasing"

    document = models.ForeignKey(Document, models.CASCADE, null=True, related_name="chunks", db_index=False)
    faq = models.ForeignKey(Faq, models.CASCADE, null=True, related_name="chunks", db_index=False)
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.PASSAGE)
    title = models.CharField(max_length=300)
    heading = models.TextField(blank=True)
    """The headings above the passage, "Section > Subsection", without the title."""
    page = models.PositiveIntegerField(null=True)
    """Page of a PDF, slide, or sheet, from 1."""
    ocr = models.BooleanField("read from a picture", default=False)
    text = models.TextField()
    tokens = models.PositiveIntegerField()
    text_hash = models.CharField(max_length=32)
    """blake2b-128 of the embedded text: equal text under one recipe has an equal vector."""
    vector = models.BinaryField()
    """float32, little-endian, `dimension` numbers, length 1; then its parts, see `knowledge.parts`."""
    recipe = models.CharField(max_length=200)
    generation = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(document=None, faq__isnull=False)
                | models.Q(document__isnull=False, faq=None),
                name="chunk_has_one_source",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["document", "recipe"], name="chunk_document"),
            models.Index(fields=["faq", "recipe"], name="chunk_faq"),
            models.Index(fields=["text_hash", "recipe"], name="chunk_text"),
            models.Index(fields=["generation"], name="chunk_generation"),
        ]

    def __str__(self) -> str:
        return f"{self.title} > {self.heading}" if self.heading else self.title


class RemovedChunk(models.Model):
    """A chunk that left the index, so that other processes can drop it from theirs."""

    chunk_id = models.BigIntegerField(db_index=True)
    generation = models.PositiveBigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"{self.chunk_id} (generation {self.generation})"


class IndexState(models.Model):
    """The one row (pk 1) that every change of the index raises, and so serialises."""

    generation = models.PositiveBigIntegerField(default=0)
    recipe = models.CharField(max_length=200, blank=True)
    """The recipe that is served."""
    floor = models.PositiveBigIntegerField(default=0)
    """Removals up to this generation are forgotten: an older index must be built anew."""

    def __str__(self) -> str:
        return f"generation {self.generation}, {self.recipe or 'empty'}"


class IndexBuild(models.Model):
    """One run of `reindex`. While it runs it shows a sign of life, so a killed one blocks nobody."""

    started_at = models.DateTimeField("started", auto_now_add=True)
    alive_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    embedded = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    chosen = models.BooleanField(default=False)
    """Only sources that somebody picked: a whole rebuild neither waits for it nor joins it."""
    everything = models.BooleanField(default=False)
    """All sources are read anew, also those that did not change. When such a build is killed the next one
    takes that over."""
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    """Sources."""

    class Meta:
        ordering: ClassVar = ["-pk"]
        verbose_name = "index build"

    def __str__(self) -> str:
        return f"Build {self.pk}"


class FaqImport(models.Model):
    """A CSV file between its dry run and somebody's yes. Gone when applied."""

    key = models.UUIDField(primary_key=True, default=uuid4)
    name = models.CharField(max_length=TITLE_LENGTH)
    text = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Resemblance(models.Model):
    """Two sources that say nearly the same, at the passages where they do.

    The pair is known by its sources and the hashes of its texts, so that a new index changes nothing
    and an ignored pair stays ignored until one of its texts is written anew.
    """

    left_key = models.CharField(max_length=24)
    right_key = models.CharField(max_length=24)
    left_hash = models.CharField(max_length=32)
    right_hash = models.CharField(max_length=32)
    left_chunk = models.BigIntegerField()
    right_chunk = models.BigIntegerField()
    likeness = models.FloatField()
    """Cosine."""
    contradiction = models.CharField(max_length=200, blank=True)
    """Why the two may contradict each other, in words for staff."""
    ignored_at = models.DateTimeField(null=True)
    ignored_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-likeness", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["left_key", "right_key", "left_hash", "right_hash"], name="resemblance_pair"
            )
        ]
        verbose_name = "near duplicate"

    def __str__(self) -> str:
        return f"{self.left_key} and {self.right_key}"


def content_hash(content: bytes) -> str:
    return sha256(content).hexdigest()


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
