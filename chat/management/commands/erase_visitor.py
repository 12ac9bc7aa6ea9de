"""`manage.py erase_visitor WHO`: erase all that a visitor left, and say what no erasure reaches."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.transcripts import privacy
from chat.transcripts.privacy.erasing import OUTSIDE


class Command(BaseCommand):
    help = (
        "Erase every row and file of a visitor: conversations, pictures and what was read in them, "
        "transcripts that wait or are kept as files, feedback, search entries. WHO is an e-mail address, a "
        "conversation's id or a visitor's id. Export first what you have to keep: this cannot be undone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("who", metavar="WHO")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, who: str, **options: Any) -> None:
        visitors = privacy.visitors_of(who)
        if not visitors:
            raise CommandError(f"Nothing is stored of “{who}”.")
        if not options["yes"]:
            self.stdout.write(f"{len(visitors)} visitor(s):")
            for holding in privacy.holdings(visitors):
                if number := holding.rows.count():
                    self.stdout.write(f"  {number} {holding.model._meta.verbose_name_plural}")
            if input("Erase all of it? Type yes: ").strip() != "yes":
                raise CommandError("Nothing was erased.")
        erased = privacy.erase(visitors, None)
        self.stdout.write("Erased: " + ", ".join(erased.words()) + ".")
        if not erased.whole:
            self.stdout.write("A reader kept the old database file alive; run `manage.py prune` again later.")
        self.stdout.write("Outside of this site's reach:")
        for place in OUTSIDE:
            self.stdout.write(f"  - {place}")
