"""`manage.py import_knowledge FILE.zip`: bring back what `export_knowledge` wrote."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge import ingest, transfer
from knowledge.management.progress import bar, counter


class Command(BaseCommand):
    help = (
        "Bring a knowledge base written by `export_knowledge` into this site. What is new is added, what is "
        "here already is made the same as in the file, what the file does not know stays as it is. Try it "
        "first with --dry-run, which prints what would happen to every document and FAQ and changes nothing. "
        "A file that is damaged, or was made to do harm, is refused whole. Exit code 0: done, or "
        "with --dry-run told. 1: refused, and nothing was changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.zip", help="what `export_knowledge` wrote")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would change")
        parser.add_argument(
            "--no-index", action="store_true", help="leave the reading of what is new to the task worker"
        )
        parser.add_argument("--json", action="store_true", help="every step as one JSON object")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        dry_run, as_json = options["dry_run"], options["json"]
        try:
            with counter("Importing", hidden=as_json) as progress:
                steps = transfer.read_in(file, dry_run=dry_run, progress=progress)
        except transfer.TransferError as error:
            raise CommandError(f"{file} is refused. {error}") from error
        if as_json:
            self.stdout.write(json.dumps({"steps": [asdict(step) for step in steps]}, ensure_ascii=False))
        else:
            self.tell(steps, dry_run=dry_run)
        if not dry_run and not options["no_index"]:
            with bar("Indexing", hidden=as_json) as progress:
                report = ingest.reindex(progress=progress, reason="manage.py import_knowledge")
            if report.failed and not as_json:
                self.stdout.write(f"{report.failed} documents could not be read; the admin says why.")

    def tell(self, steps: list[transfer.Step], *, dry_run: bool) -> None:
        for step in steps:
            if step.verb != "same":
                differs = f" ({', '.join(step.differs)})" if step.differs else ""
                self.stdout.write(f"{step.verb:<8} {step.kind:<9} {step.title}{differs}")
        counts = Counter(step.verb for step in steps)
        would = "Nothing was changed. It would be: " if dry_run else ""
        self.stdout.write(
            f"{would}{counts['new']} new, {counts['changed']} changed, {counts['same']} the same."
        )
