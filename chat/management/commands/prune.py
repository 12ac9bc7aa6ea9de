"""`manage.py prune`: forget what is older than the site keeps. The worker does it every day."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from chat.transcripts import privacy


class Command(BaseCommand):
    help = (
        "Erase conversations in which nothing was said for KEEP_CONVERSATIONS_DAYS, with all that belongs to "
        "them, and audit entries older than KEEP_AUDIT_DAYS."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        erased = privacy.prune()
        if erased.anything:
            self.stdout.write("Forgotten: " + ", ".join(erased.words()) + ".")
        elif settings.KEEP_CONVERSATIONS_DAYS or settings.KEEP_AUDIT_DAYS:
            self.stdout.write("Nothing is too old.")
        else:
            self.stdout.write("Everything is kept: KEEP_CONVERSATIONS_DAYS and KEEP_AUDIT_DAYS are 0.")
