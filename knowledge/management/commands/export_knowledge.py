"""`manage.py export_knowledge FILE.zip`: documents with their files, and FAQs, in one zip."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge import transfer
from knowledge.management.progress import counter


class Command(BaseCommand):
    help = (
        "Write the whole knowledge base into FILE.zip: every document with its file and its history, "
        "every FAQ, tags, what is published, all dates. `import_knowledge FILE.zip` brings it back, here or "
        "on another site. Passages and vectors are not in it: they are made anew. Neither are accounts, "
        "conversations and the texts of earlier versions. Exit code 0: all is in it. 1: nothing could be "
        "written, or files of documents were missing; the zip then holds the rest."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.zip", help="where to write; must not exist yet")
        parser.add_argument("--force", action="store_true", help="overwrite FILE.zip")
        parser.add_argument("--json", action="store_true", help="the result as one JSON object")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if file.exists() and not options["force"]:
            raise CommandError(f"{file} exists. Choose another name, or overwrite it with --force.")
        try:
            with counter("Exporting", hidden=options["json"]) as progress:
                done = transfer.export(file, progress)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(done), ensure_ascii=False))
        else:
            self.stdout.write(f"{done.documents} documents ({done.files} files), {done.faqs} FAQs in {file}")
        if done.missing:
            names = ", ".join(f"“{name}”" for name in done.missing[:10])
            raise CommandError(f"The files of {len(done.missing)} documents are gone: {names}.", returncode=1)
