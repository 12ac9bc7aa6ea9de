"""`manage.py export_videos videos.json`: the catalogue as a list that `import_videos` takes."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from videos import transfer


class Command(BaseCommand):
    help = (
        "Write the catalogue into a JSON file: titles, descriptions, addresses, tags, durations, what is "
        "published, and chapters as timestamps. `import_videos` takes it back, here or on another site. "
        "Uploaded files, posters and captions are not in it: an uploaded video is named by its file, and "
        "only the site that has the file takes it back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, metavar="videos.json", help="where to write; must not exist yet"
        )
        parser.add_argument("--force", action="store_true", help="overwrite the file")
        parser.add_argument("--json", action="store_true", help="the result as one JSON object")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if file.exists() and not options["force"]:
            raise CommandError(f"{file} exists. Choose another name, or overwrite it with --force.")
        rows = transfer.written()
        text = json.dumps({"videos": rows}, ensure_ascii=False, indent=2) + "\n"
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
        uploaded = sum("file" in row for row in rows)
        if options["json"]:
            self.stdout.write(json.dumps({"videos": len(rows), "uploaded": uploaded}))
        else:
            self.stdout.write(f"{len(rows)} videos in {file}, {uploaded} of them uploaded files.")
