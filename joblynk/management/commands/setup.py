"""Make the site ready to serve: as often as you like, and quick when nothing has changed."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from joblynk import checks, preparation


class Command(BaseCommand):
    help = "Prepare database, embedding model, static files, and on the first run the demo and an account."
    requires_system_checks = [checks.TAG]  # noqa: RUF012  (Django's own declaration)

    def handle(self, *args: Any, **options: Any) -> None:
        preparation.make_directories()
        preparation.migrate(self.report)
        preparation.export_model(self.report)
        preparation.collect_static(self.report)
        if preparation.is_first_run():
            self.first_run()
        preparation.catch_up(self.report)

    def first_run(self) -> None:
        if settings.LOAD_DEMO:
            self.report("Loading the demo help centre (once; LOAD_DEMO=0 starts empty)")
            preparation.load_demo()
        password = preparation.create_staff_account()
        self.report(f"Staff account: {preparation.STAFF_NAME}, password: {password}  (shown only now)")

    def report(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
