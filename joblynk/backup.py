"""The site's data in one folder, and back: the database as it is at one moment, and the uploads.

The embedding model and the static files are made again by `setup`; the key that signs cookies is a secret
and is kept with the others.
"""

import os
import shutil
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

UPLOADS = "uploads.tar"


class BackupError(Exception):
    """It could not be done; the message says what to do."""


def save(folder: Path) -> list[Path]:
    """Write a backup into `folder`, which must be empty or new, while the site runs. The uploads come after
    the database, so that no row leads to a file that is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty. Name a new folder for each backup.")
    database = folder / _file_name()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(database)])
    else:
        _run(["pg_dump", "--format=custom", "--no-owner", f"--file={database}"])
    uploads = folder / UPLOADS
    with tarfile.open(uploads, "w") as archive:
        if Path(settings.MEDIA_ROOT).exists():
            archive.add(settings.MEDIA_ROOT, arcname=".")
    return [database, uploads]


def load(folder: Path, *, replace: bool) -> None:
    """Put a backup in the place of this site's data, with no process of the site running."""
    database, uploads = folder / _file_name(), folder / UPLOADS
    if missing := [path.name for path in (database, uploads) if not path.exists()]:
        raise BackupError(f"{folder} has no {' and no '.join(missing)}: it is no backup for this database.")
    if not replace and "chat_conversation" in connection.introspection.table_names():
        raise BackupError("This site has data of its own. Restore into an empty one, or give --replace.")
    if connection.vendor == "sqlite":
        _load_sqlite(database)
    else:
        _run(["pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error", str(database)])
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)
    Path(settings.MEDIA_ROOT).mkdir(parents=True)
    with tarfile.open(uploads) as archive:
        archive.extractall(settings.MEDIA_ROOT, filter="data")


def _load_sqlite(database: Path) -> None:
    target = Path(connection.settings_dict["NAME"])
    with closing(sqlite3.connect(database)) as copy:
        try:
            sound = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        except sqlite3.DatabaseError:
            sound = False
    if not sound:
        raise BackupError(f"{database} is damaged; nothing was changed.")
    connection.close()
    for path in (target, target.with_name(f"{target.name}-wal"), target.with_name(f"{target.name}-shm")):
        path.unlink(missing_ok=True)
    shutil.copyfile(database, target)


def _file_name() -> str:
    return "database.sqlite3" if connection.vendor == "sqlite" else "database.dump"


def _run(command: list[str]) -> None:
    """With the database's address in the environment, where no list of processes shows its password."""
    given: dict[str, Any] = connection.get_connection_params()
    names = {
        "dbname": "PGDATABASE",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "host": "PGHOST",
        "port": "PGPORT",
    }
    env = {**os.environ, **{name: str(given[key]) for key, name in names.items() if given.get(key)}}
    if command[0] == "pg_restore":
        command = [*command, f"--dbname={given['dbname']}"]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise BackupError(f"{command[0]} is not on the PATH. Install PostgreSQL's client programs.") from None
    if done.returncode:
        raise BackupError(f"{command[0]} failed:\n{done.stderr.strip()[-2000:]}")
