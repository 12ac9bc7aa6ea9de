"""`manage.py import_videos videos.json`: bring videos from a list that somebody wrote by hand."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from videos import transfer
from videos.transfer import Row


class Command(BaseCommand):
    help = (
        "Bring YouTube and Vimeo videos from a JSON file into the catalogue. The file is a list of videos, "
        'or an object {"videos": [list]}. A video needs title and url; description, tags (or keywords), '
        "duration and timestamps are welcome. Nothing is fetched from the addresses, so posters are uploaded "
        "in the admin. A video that is here already is brought up to date; the same file again changes "
        "nothing. Every row is told: new, changed, same, or refused with the reason. Try it with --dry-run. "
        "Exit code 1: some rows were refused, the others were taken. Exit code 2: the file cannot be used."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="videos.json")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
        parser.add_argument("--json", action="store_true", help="the report as one JSON object")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            rows = transfer.parsed(file.read_bytes())
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.", returncode=2) from error
        except transfer.TransferError as error:
            raise CommandError(f"{file} cannot be used. {error}", returncode=2) from error
        told: list[Row] = []
        for row in transfer.read_in(rows, dry_run=options["dry_run"]):
            told.append(row)
            if not options["json"]:
                self.tell(row)
        counts = Counter(row.verb for row in told)
        if options["json"]:
            report = {"rows": [asdict(row) for row in told], "counts": counts, "dry_run": options["dry_run"]}
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            would = "Nothing was changed. It would be: " if options["dry_run"] else ""
            words = ", ".join(f"{counts[verb]} {verb}" for verb in ("new", "changed", "same", "refused"))
            self.stdout.write(f"{would}{words}.")
        if counts["refused"]:
            raise CommandError(f"{counts['refused']} of {len(told)} rows were refused.", returncode=1)

    def tell(self, row: Row) -> None:
        why = f": {row.why}" if row.why else ""
        notes = f" ({'; '.join(row.notes)})" if row.notes else ""
        self.stdout.write(f"{row.number:>4} {row.verb:<8} {row.title or '(no title)'}{why}{notes}")
