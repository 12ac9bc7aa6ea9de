from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0003_leases_and_pictures")]

    operations = [
        migrations.AddField(
            model_name="indexbuild",
            name="everything",
            field=models.BooleanField(default=False),
        ),
    ]
