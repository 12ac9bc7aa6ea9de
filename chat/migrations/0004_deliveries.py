from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("chat", "0003_shown_videos")]

    operations: list[migrations.operations.base.Operation] = []
