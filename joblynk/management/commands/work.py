"""The task worker: does what was enqueued, and what became due since."""

import logging
import signal
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import close_old_connections, connections
from django.utils.crypto import get_random_string
from django.utils.module_loading import import_string
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from joblynk import stopping
from joblynk.processes import return_memory, step_back
from joblynk.stopping import Stopped

IDLE_SECONDS = 1.0
LAST_SECONDS = 25.0  # longer than what is due takes by itself in one go
DAY = 86_400.0
Due = Callable[[], bool]
"""Does for some seconds what is due; True if more is left."""

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Do the site's background work: read uploaded documents, try again what failed, send transcripts. "
        "Run at least one beside the web processes; any number may run, on any host. On SIGTERM what takes "
        "long is handed to the next one. One that was killed loses nothing: what it held is taken up within "
        "a minute."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        step_back()
        logging.getLogger("django_tasks_db").setLevel(logging.WARNING)  # it tells of every look at the queue
        worker = SiteWorker(
            queue_names=["*"],
            interval=IDLE_SECONDS,
            batch=True,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=get_random_string(32),
            excluded_queue_names=[],
        )
        worker.configure_signals()
        worker.work()


class SiteWorker(Worker):
    """Empties the queue in this thread, and does what is due in one beside it: a mail does not wait until a
    whole knowledge base has been read."""

    def work(self) -> None:
        # Models load here, not when a command is listed.
        beside = Beside([import_string(path) for path in settings.BACKGROUND_WORK])
        beside.start()
        try:
            self.empty_the_queue()
        finally:
            beside.stop()

    def empty_the_queue(self) -> None:
        due: Sequence[Due] = [import_string(path) for path in settings.READING_WORK]
        tidied = -DAY
        while self.running:
            if time.monotonic() - tidied > DAY:
                call_command("prune_db_task_results", queue_name="*", verbosity=0)
                tidied = time.monotonic()
            close_old_connections()
            if DBTaskResult.objects.ready().exists():  # a look costs no lock; taking a task does
                self.run()  # until the queue is empty
                return_memory()  # else it keeps the most that a document ever took
            self.running_task = True  # a signal now waits for the end of it
            try:
                more = [take(work) for work in due]
            finally:
                self.running_task = False
            if not any(more):
                time.sleep(self.interval)

    def shutdown(self, signum: int, frame: FrameType | None) -> None:
        stopping.ask()
        super().shutdown(signum, frame)

    def configure_signals(self) -> None:
        super().configure_signals()
        signal.signal(signal.SIGHUP, self.shutdown)


class Beside(Thread):
    """Does what is due, kind after kind, until it is stopped."""

    def __init__(self, due: Sequence[Due]) -> None:
        super().__init__(name="due", daemon=True)
        self._due = due
        self._ended = Event()

    def run(self) -> None:
        while not self._ended.is_set():
            close_old_connections()
            more = [take(work) for work in self._due if not self._ended.is_set()]
            if not any(more):
                self._ended.wait(IDLE_SECONDS)
        connections.close_all()

    def stop(self) -> None:
        """Let the work at hand end."""
        self._ended.set()
        self.join(LAST_SECONDS)


def take(work: Due) -> bool:
    """One kind of work that fails holds up no other; what it did not do is due again."""
    try:
        stopping.check()
        return work()
    except Stopped:
        return False
    except Exception:
        logger.exception("background_work_failed work=%s", getattr(work, "__qualname__", work))
        close_old_connections()
        return False
