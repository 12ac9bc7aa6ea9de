import uuid

import django.db.models.deletion
from django.db import migrations, models

import chat.models.pictures


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Attachment",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "visitor",
                    models.CharField(help_text="Whose it is, also before it is sent.", max_length=32),
                ),
                (
                    "place",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="Among the pictures of its message."
                    ),
                ),
                (
                    "name",
                    models.CharField(blank=True, help_text="What the customer called it.", max_length=120),
                ),
                ("picture", models.FileField(upload_to=chat.models.pictures._picture_path)),
                ("thumb", models.FileField(upload_to=chat.models.pictures._thumb_path)),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("size", models.PositiveIntegerField(help_text="Bytes of the picture as it is kept.")),
                ("created_at", models.DateTimeField()),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                (
                    "reader",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("groq", "vision model"),
                            ("offline", "text recognition on this server"),
                        ],
                        max_length=10,
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("description", models.TextField(blank=True)),
                (
                    "confidence",
                    models.FloatField(
                        blank=True, help_text="0 to 1, if the reader says.", null=True
                    ),
                ),
                ("reading_ms", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "failure",
                    models.CharField(blank=True, help_text="Why nobody could read it.", max_length=24),
                ),
                ("correction", models.TextField(blank=True, null=True)),
                (
                    "message",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="chat.message",
                    ),
                ),
            ],
            options={
                "ordering": ("place",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("message__isnull", True)),
                        fields=["visitor", "created_at"],
                        name="attachment_unsent",
                    )
                ],
            },
        ),
    ]
