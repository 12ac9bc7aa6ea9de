from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_deliveries")]

    operations: list[migrations.operations.base.Operation] = []
