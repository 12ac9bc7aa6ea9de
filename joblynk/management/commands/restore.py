"""Bring saved data back."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from joblynk import backup


class Command(BaseCommand):
    help = "Put a folder that `backup` wrote in the place of this site's data. Stop the site first."
    requires_system_checks = ()  # there may be no database yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--replace", action="store_true", help="also if the site has data of its own")

    def handle(self, *args: Any, folder: Path, replace: bool, **options: Any) -> None:
        try:
            backup.load(folder, replace=replace)
        except backup.BackupError as error:
            raise CommandError(str(error)) from None
        self.stdout.write("Restored. `manage.py setup` brings it to this version.")
