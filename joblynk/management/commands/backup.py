"""Save the site's data, also while it runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from joblynk import backup


class Command(BaseCommand):
    help = "Write database and uploads into a new folder. The site may go on running."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            for path in backup.save(folder):
                self.stdout.write(f"{path}: {path.stat().st_size:,} bytes")
        except backup.BackupError as error:
            raise CommandError(str(error)) from None
