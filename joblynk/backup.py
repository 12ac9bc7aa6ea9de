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
from typing import IO, Any, cast

from django.conf import settings
from django.db import DatabaseError, connection

UPLOADS = "uploads.tar"
_UNFINISHED = ".part"


class BackupError(Exception):
    """It could not be done; the message says what to do."""


def save(folder: Path) -> list[Path]:
    """Write a backup into `folder`, which must be empty or new, while the site runs. The uploads come after
    the database, so that no row leads to a file that is missing; the files get their names when both are
    whole, so that nothing broken off looks like a backup."""
    files = [folder / UPLOADS, folder / _file_name()]
    parts = [path.with_name(path.name + _UNFINISHED) for path in files]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BackupError(f"{folder} is not empty. Name a new folder for each backup.")
        try:
            _save_database(parts[1])
            _save_uploads(parts[0])
            for part, path in zip(parts, files, strict=True):
                part.rename(path)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
    except (OSError, DatabaseError, tarfile.TarError) as error:
        raise BackupError(f"No backup was written: {error}. Is there room and a right to write?") from None
    return files


def load(folder: Path, *, replace: bool) -> None:
    """Put a backup in the place of this site's data, with no process of the site running. Until the whole
    backup has been read, nothing is changed."""
    database, uploads = folder / _file_name(), folder / UPLOADS
    if missing := [path.name for path in (database, uploads) if not path.exists()]:
        raise BackupError(f"{folder} has no {' and no '.join(missing)}: it is no backup for this database.")
    if not replace and "chat_conversation" in connection.introspection.table_names():
        raise BackupError("This site has data of its own. Restore into an empty one, or give --replace.")
    media = Path(settings.MEDIA_ROOT).resolve()
    arrived = media.with_name(f"{media.name}.restored")
    shutil.rmtree(arrived, ignore_errors=True)
    try:
        arrived.mkdir(parents=True)
        with tarfile.open(uploads) as archive:
            archive.extractall(arrived, filter="data")
        _load_database(database)
        shutil.rmtree(media, ignore_errors=True)
        arrived.rename(media)
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"The backup could not be brought back: {error}.") from None
    finally:
        shutil.rmtree(arrived, ignore_errors=True)


def _file_name() -> str:
    return "database.sqlite3" if connection.vendor == "sqlite" else "database.dump"


def _save_database(path: Path) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(path)])
        return
    _run(["pg_dump", "--format=custom", "--no-owner", f"--file={path}"])


def _save_uploads(path: Path) -> None:
    media = Path(settings.MEDIA_ROOT)
    with tarfile.open(path, "w") as archive:
        for file in sorted(media.rglob("*")):
            try:
                archive.add(file, arcname=str(file.relative_to(media)), recursive=False)
            except FileNotFoundError:  # removed meanwhile, because the site runs
                continue


def _load_database(saved: Path) -> None:
    if connection.vendor == "sqlite":
        _load_sqlite(saved)
    else:
        _load_postgresql(saved)


def _load_sqlite(saved: Path) -> None:
    with closing(sqlite3.connect(saved)) as copy:
        try:
            sound = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        except sqlite3.DatabaseError:
            sound = False
    if not sound:
        raise BackupError(f"{saved} is damaged; nothing was changed.")
    target = Path(connection.settings_dict["NAME"])
    arrived = target.with_name(target.name + _UNFINISHED)
    try:
        shutil.copyfile(saved, arrived)
        connection.close()
        for ending in ("-wal", "-shm"):
            target.with_name(target.name + ending).unlink(missing_ok=True)
        arrived.replace(target)
    finally:
        arrived.unlink(missing_ok=True)


def _load_postgresql(saved: Path) -> None:
    """In one transaction, tables that the saved version did not know included: without the last word, which
    comes when the whole dump was read, psql leaves everything as it was."""
    names = ", ".join(map(connection.ops.quote_name, connection.introspection.table_names()))
    begin = "SET client_min_messages = warning; BEGIN;\n"
    begin += f"DROP TABLE {names} CASCADE;\n" if names else ""
    connection.close()
    env, quiet = _environment(), subprocess.DEVNULL
    command = ["psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
    with _started(command, env=env, stdin=subprocess.PIPE, stdout=quiet) as psql:
        to_psql = cast(IO[str], psql.stdin)
        to_psql.write(begin)
        to_psql.flush()
        try:
            _run(["pg_restore", "--no-owner", "--file=-", str(saved)], stdout=to_psql)
        except BackupError as error:
            _, words = psql.communicate()
            raise BackupError(f"{words.strip()[-2000:] or error}\nNothing was changed.") from None
        _, words = psql.communicate("COMMIT;\n")
    if psql.returncode:
        raise BackupError(f"psql failed:\n{words.strip()[-2000:]}\nNothing was changed.")


def _environment() -> dict[str, str]:
    """With the database's address, where no list of processes shows its password."""
    given: dict[str, Any] = connection.get_connection_params()
    names = {
        "dbname": "PGDATABASE",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "host": "PGHOST",
        "port": "PGPORT",
        "sslmode": "PGSSLMODE",
    }
    return {**os.environ, **{name: str(given[key]) for key, name in names.items() if given.get(key)}}


def _run(command: list[str], **options: Any) -> None:
    with _started(command, env=_environment(), **options) as process:
        _, words = process.communicate()
    if process.returncode:
        raise BackupError(f"{command[0]} failed:\n{words.strip()[-2000:]}")


def _started(command: list[str], **options: Any) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)  # noqa: S603
    except FileNotFoundError:
        raise BackupError(f"{command[0]} is not on the PATH. Install PostgreSQL's client programs.") from None
