"""A disk without room: nothing half-written stays, and staff are told in words."""

import errno
import logging
import sqlite3
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

logger = logging.getLogger(__name__)

_POSTGRESQL_DISK_FULL = "53100"


class WholeFiles(FileSystemStorage):
    """A file that could not be written to its end is not there. (Names are random: it is nobody else's.)"""

    def _save(self, name: str, content: Any) -> Any:
        try:
            return super()._save(name, content)  # type: ignore[misc]
        except OSError:
            Path(self.path(name)).unlink(missing_ok=True)
            raise


class NoRoom(MiddlewareMixin):
    """The pages for staff say what is wrong. (Customers' sockets and uploads have words of their own.)"""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or match.app_name != "admin" or not is_full(exception):
            return None
        logger.error("disk_full view=%s", match.view_name)
        return render(request, "admin/no_room.html", status=507)


def is_full(error: Exception) -> bool:
    """Whether the disk of the uploads or of the database is what failed."""
    if isinstance(error, DatabaseError):
        cause = error.__cause__
        full = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        return full or getattr(cause, "sqlstate", None) == _POSTGRESQL_DISK_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
