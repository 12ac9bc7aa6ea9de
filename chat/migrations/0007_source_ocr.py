from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0006_spending")]

    operations = [
        migrations.AddField(
            model_name="source",
            name="ocr",
            field=models.BooleanField(default=False, verbose_name="read from a scan"),
        ),
    ]
