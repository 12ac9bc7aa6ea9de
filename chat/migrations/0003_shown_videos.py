import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_pictures")]

    operations = [
        migrations.CreateModel(
            name="ShownVideo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rank", models.PositiveSmallIntegerField(help_text="Place among the cards, from 1.")),
                ("video_id", models.BigIntegerField()),
                ("title", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True)),
                ("duration", models.FloatField(blank=True, help_text="Seconds.", null=True)),
                ("start", models.FloatField(default=0, help_text="Second at which playing begins.")),
                (
                    "chapter",
                    models.CharField(blank=True, help_text="The chapter that matched.", max_length=200),
                ),
                (
                    "poster",
                    models.CharField(blank=True, help_text="Path of the still picture.", max_length=200),
                ),
                ("provider", models.CharField(max_length=7)),
                ("score", models.FloatField()),
                (
                    "matched",
                    models.CharField(help_text="What of the video matched the question.", max_length=12),
                ),
                ("opened_at", models.DateTimeField(blank=True, null=True)),
                (
                    "watched",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "not played"),
                            (25, "a quarter"),
                            (50, "half"),
                            (75, "three quarters"),
                            (100, "to the end"),
                        ],
                        default=0,
                    ),
                ),
                (
                    "left_at",
                    models.FloatField(
                        blank=True, help_text="Second of the video at the last event.", null=True
                    ),
                ),
                (
                    "helped",
                    models.SmallIntegerField(
                        choices=[(1, "helped"), (0, "not said"), (-1, "did not help")], default=0
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="videos",
                        to="chat.message",
                    ),
                ),
            ],
            options={
                "ordering": ("rank",),
                "indexes": [models.Index(fields=["video_id"], name="shown_video")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("message", "video_id"), name="video_shown_once_per_message"
                    )
                ],
            },
        ),
    ]
