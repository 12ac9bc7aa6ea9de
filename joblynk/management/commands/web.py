"""One web process in the foreground, for containers and service managers. `serve` is for everybody else."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from joblynk import checks
from joblynk.processes import web_command


class Command(BaseCommand):
    help = (
        "Run one web process on HOST and PORT (ASGI_SERVER) and nothing else. SIGTERM lets it finish its "
        "answers. Prepare the site with `setup` first; run `work` beside it."
    )
    requires_system_checks = [checks.TAG]  # noqa: RUF012  (Django's own declaration)

    def handle(self, *args: Any, **options: Any) -> None:
        command = web_command(settings.ASGI_SERVER, settings.HOST, settings.PORT)
        os.execv(command[0], command)  # noqa: S606  (signals go to the server itself)
