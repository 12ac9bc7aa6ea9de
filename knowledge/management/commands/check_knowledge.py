"""`manage.py check_knowledge [--repair]`: is what is searched what staff wrote?"""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from joblynk.providers import registry
from knowledge import inspection
from knowledge.management.progress import bar


class Command(BaseCommand):
    help = (
        "Look for trouble in the knowledge base that the pages for staff do not show: passages without a "
        "vector, passages of an old model, documents whose file is gone, a search that holds something else "
        "than the database. Nothing is changed unless you add --repair, which reads the documents concerned "
        "again; customers are answered meanwhile. Exit code 0: all is well. 1: something is (still) wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="put right what can be put right")
        parser.add_argument("--json", action="store_true", help="the findings as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        embedder, as_json = registry.get("embedder"), options["json"]
        found = self.look(as_json)
        if found and options["repair"]:
            if not as_json:
                self.tell(found, "Repairing")
            with bar("Repairing", hidden=as_json) as progress:
                inspection.repair(embedder, progress)
            found = self.look(as_json)
        if as_json:
            self.stdout.write(json.dumps({"findings": [asdict(one) for one in found]}, ensure_ascii=False))
        elif found:
            self.tell(found, "Still wrong" if options["repair"] else "Wrong")
        else:
            self.stdout.write("The knowledge base is sound.")
        if found:
            repairable = any(one.repairable for one in found) and not options["repair"]
            hint = " Run `manage.py check_knowledge --repair`." if repairable else ""
            raise CommandError(f"{len(found)} kinds of trouble.{hint}", returncode=1)

    def look(self, as_json: bool) -> list[inspection.Finding]:
        with bar("Checking", hidden=as_json, unit=" looks") as progress:
            return inspection.inspect(registry.get("embedder"), progress)

    def tell(self, found: list[inspection.Finding], verb: str) -> None:
        for one in found:
            names = "".join(f"\n    {name}" for name in one.subjects)
            remedy = f"--repair {one.remedy}" if one.repairable else f"The remedy {one.remedy}"
            self.stdout.write(f"{verb}: {one.count} {one.what}. {remedy}.{names}")
