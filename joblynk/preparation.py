"""What a site needs before it can serve. Every step looks first and costs little when nothing is to do."""

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

Report = Callable[[str], None]
STAFF_NAME = "admin"


def make_directories() -> None:
    for folder in (settings.VAR_DIR, Path(settings.MEDIA_ROOT)):
        folder.mkdir(parents=True, exist_ok=True)


def migrate(report: Report) -> None:
    """Bring the database's tables up to date."""
    if not is_migrated():
        report("Preparing the database")
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)


def is_migrated() -> bool:
    """The database's tables are those of this version."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def export_model(report: Report) -> None:
    """Export the packaged embedding model; another model is loaded as it is and needs nothing."""
    if settings.EMBEDDING_MODEL:
        return
    from joblynk.providers.embedding.export import ensure_exported

    ensure_exported(settings.ONNX_DIR, report=report)


def collect_static(report: Report) -> None:
    """Gather the static files under their hashed names, when any of them has changed."""
    if settings.DEBUG:
        return  # served from where they lie
    stamp = settings.VAR_DIR / "static.stamp"
    current = _fingerprint_of_static_files()
    gathered = (settings.STATIC_ROOT / "staticfiles.json").exists()
    if gathered and stamp.exists() and stamp.read_text() == current:
        return
    report("Gathering the static files")
    call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)
    stamp.write_text(current)


def _fingerprint_of_static_files() -> str:
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{path}:{status.st_mtime_ns}:{status.st_size}\n".encode())
    return digest.hexdigest()


def catch_up(report: Report) -> None:
    """Have the task worker read what was left waiting, or was read by another model or version."""
    from knowledge import tasks

    if tasks.catch_up("a new start of the site"):
        report("The knowledge base is brought up to date in the background; what it says goes on answering")


def is_first_run() -> bool:
    """Nobody can administer the site yet. The account is made last, so that a first run that was broken
    off is taken up again."""
    return not get_user_model()._default_manager.filter(is_superuser=True).exists()


def load_demo() -> None:
    """Load and index the demo content; shows its own progress."""
    call_command("load_demo", skip_checks=True)


def create_staff_account() -> str:
    """Create the account `STAFF_NAME`; returns its password, which nobody can read again."""
    password = secrets.token_urlsafe(12)
    get_user_model()._default_manager.create_superuser(STAFF_NAME, password=password)
    return password
