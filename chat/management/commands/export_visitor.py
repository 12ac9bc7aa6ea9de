"""`manage.py export_visitor WHO FILE.zip`: all that is stored of a visitor."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chat.models import AuditEntry
from chat.transcripts import audit, privacy


class Command(BaseCommand):
    help = (
        "Write every row and picture of a visitor into FILE.zip. WHO is an e-mail address, a conversation's "
        "id or a visitor's id."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("who", metavar="WHO")
        parser.add_argument("file", type=Path, metavar="FILE.zip", help="where to write; must not exist yet")

    def handle(self, *args: Any, who: str, file: Path, **options: Any) -> None:
        visitors = privacy.visitors_of(who)
        if not visitors:
            raise CommandError(f"Nothing is stored of “{who}”.")
        try:
            with file.open("xb") as output:
                rows = privacy.write_takeout(visitors, output)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
        audit.note(AuditEntry.Action.VISITOR_EXPORT, None, timezone.now(), detail=f"{rows} rows")
        self.stdout.write(f"{rows} rows of {len(visitors)} visitor(s) in {file}")
