from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0007_source_ocr")]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="open_answers",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                help_text="Answers that are being written or wait for their turn.",
            ),
        ),
    ]
