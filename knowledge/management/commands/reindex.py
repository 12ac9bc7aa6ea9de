"""`manage.py reindex`: bring the search index up to date with documents and FAQs."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge import ingest
from knowledge.management.progress import bar


class Command(BaseCommand):
    help = (
        "Bring the search up to date with documents and FAQs. What changed since it was last read, also "
        "behind the admin's back, is read again, cut into passages and embedded; the rest is left alone. "
        "Customers are answered from what was there until the new is complete. The pages for staff do the"
        " same by themselves: this is for changes made without them. Exit code 0: done; documents that "
        "could not be read are counted, and say why in the admin. With --check 1: something is out of "
        "date."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help="read everything anew, also what did not change"
        )
        parser.add_argument(
            "--check", action="store_true", help="change nothing, only tell what is out of date"
        )
        parser.add_argument("--json", action="store_true", help="the result as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self.check_drift(as_json=options["json"])
            return
        with bar("Indexing", hidden=options["json"]) as progress:
            report = ingest.reindex(
                "all" if options["all"] else "changed", progress=progress, reason="manage.py reindex"
            )
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report)))
            return
        joined = "Another run was under way. It " if report.joined else ""
        self.stdout.write(
            f"{joined}{report.embedded} passages embedded, {report.kept} kept, {report.removed} removed, "
            f"{report.failed} documents failed."
        )

    def check_drift(self, *, as_json: bool) -> None:
        drift = ingest.drift()
        if as_json:
            self.stdout.write(json.dumps({"drift": [asdict(found) for found in drift]}))
        else:
            for found in drift:
                self.stdout.write(f"{found.kind} {found.source_id} “{found.title}”: {found.reason}")
        if drift:
            raise CommandError(f"{len(drift)} out of date. Run `manage.py reindex`.", returncode=1)
        if not as_json:
            self.stdout.write("The index is up to date.")
