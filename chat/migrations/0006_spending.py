from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0005_reviewing")]

    operations = [
        migrations.CreateModel(
            name="Spending",
            fields=[
                (
                    "day",
                    models.DateField(help_text="In the site's time zone.", primary_key=True, serialize=False),
                ),
                ("tokens", models.PositiveBigIntegerField(default=0)),
                ("micros", models.PositiveBigIntegerField(default=0, verbose_name="millionths of a dollar")),
                (
                    "refused",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Quoted from the guides, because the budget was used up.",
                        verbose_name="answers over budget",
                    ),
                ),
            ],
            options={
                "verbose_name": "day's spending",
                "verbose_name_plural": "spending",
                "ordering": ("-day",),
            },
        ),
    ]
