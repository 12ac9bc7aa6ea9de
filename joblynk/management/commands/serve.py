"""Set the site up and serve it: a web process and a task worker in the foreground, until Ctrl-C."""

import errno
import http.client
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from joblynk import checks
from joblynk.processes import Supervisor, web_command, worker_command

READY_SECONDS = 120.0
HEAVY = {"torch", "onnxruntime"}
"""What a first set-up loads, up to a gigabyte, and serving does not need in this process: it begins anew."""
REPORT_SECONDS = 10.0


class Command(BaseCommand):
    help = "Run the site on HOST and PORT: the web server (ASGI_SERVER) and the task worker."
    requires_system_checks = [checks.TAG]  # noqa: RUF012  (Django's own declaration)

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_busy_port(settings.HOST, settings.PORT)
        try:
            call_command("setup", stdout=self.stdout, skip_checks=True)
        except KeyboardInterrupt:
            self.stdout.write("\nStopped before the site was set up. The next run takes it up again.")
            sys.exit(130)
        if HEAVY & sys.modules.keys():
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606  (this command, once more)
        self.serve()

    def serve(self) -> None:
        supervisor = Supervisor()
        supervisor.listen()
        try:
            supervisor.start("web process", web_command(settings.ASGI_SERVER, settings.HOST, settings.PORT))
            ended = supervisor.wait(until=Readiness(self.report))
            if not ended and not supervisor.asked_to_stop:
                # Only now, so that it does not slow down the web process's start.
                supervisor.start("task worker", worker_command())
                self.greet()
                ended = supervisor.wait()
        finally:
            supervisor.stop()
        if ended:
            raise CommandError(ended)
        self.stdout.write("Stopped.")

    def report(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def greet(self) -> None:
        address = f"http://{shown_host(settings.HOST)}:{settings.PORT}"
        lines = [f"{settings.SITE_NAME} is ready.", f"  Chat   {address}/", f"  Staff  {address}/admin/"]
        lines += [f"  {choice}" for choice in checks.choices()[:2]]
        self.report("\n".join([*lines, "Ctrl-C stops it."]))


def refuse_busy_port(host: str, port: int) -> None:
    """Raises CommandError when nobody could listen there, and says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except (OSError, OverflowError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                raise CommandError(
                    f"Port {port} is in use, perhaps by another run of this site. "
                    f"Stop that one, or choose another port: make run PORT={port + 1}"
                ) from None
            raise CommandError(f"Cannot listen on HOST={host} PORT={port}: {error}.") from None


class Readiness:
    """Asks /readyz each time it is called; tells every ten seconds what is still missing.

    Raises CommandError after `READY_SECONDS`, so that a site which cannot become ready does not look as if
    it were about to.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._started = self._told = time.monotonic()

    def __call__(self) -> bool:
        status, said = ask_readiness()
        if status == 200:
            return True
        now = time.monotonic()
        if now - self._started > READY_SECONDS:
            raise CommandError(
                f"The site did not become ready in {READY_SECONDS:.0f} s; /readyz says: {said}"
            )
        if now - self._told > REPORT_SECONDS:
            self._told = now
            self._report(f"Waiting for the web process; /readyz says: {said}")
        return False


def ask_readiness() -> tuple[int, str]:
    """Status and body of /readyz; status 0 and the reason when nobody answers."""
    headers = {"Host": settings.ALLOWED_HOSTS[0].lstrip(".") if settings.ALLOWED_HOSTS else "localhost"}
    connection = http.client.HTTPConnection(shown_host(settings.HOST), settings.PORT, timeout=5)
    try:
        connection.request("GET", "/readyz", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(500).decode(errors="replace")
    except OSError as error:
        return 0, str(error)
    finally:
        connection.close()


def shown_host(host: str) -> str:
    """Where a browser on this machine finds a server that listens on `host`."""
    return "localhost" if host in ("0.0.0.0", "::", "[::]", "127.0.0.1") else host  # noqa: S104
