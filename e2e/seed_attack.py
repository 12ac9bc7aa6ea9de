"""Run in the shell of a site: an account for staff, and the attack that ATTACK holds in all free texts."""

import os
from contextlib import suppress

from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction

ATTACK = os.environ["ATTACK"]
TRUSTED = {"html"}  # made by the server, sanitised before it is stored
MEANINGFUL = {"name", "key", "token", "etag"}  # leads to a file or a row

for label in ("chat", "knowledge", "videos"):
    for model in apps.get_app_config(label).get_models():
        free = [
            field
            for field in model._meta.fields
            if type(field) in (models.CharField, models.TextField)
            and not (field.choices or field.primary_key or field.unique)
            and field.name not in TRUSTED | MEANINGFUL
            and not field.name.endswith(("hash", "_id", "recipe", "path"))
            and (field.max_length is None or field.max_length >= len(ATTACK))
        ]
        rows = list(model._base_manager.values_list("pk", flat=True)[:40])
        for field in free:
            with suppress(IntegrityError), transaction.atomic():  # some may only be set where others are not
                model._base_manager.filter(pk__in=rows).update(**{field.name: ATTACK})
User.objects.create_superuser("mira", password="only-for-this-test")
