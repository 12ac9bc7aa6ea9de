"""The one clock that every process of a site shares: the database's. Hosts may disagree about the time, so
what one of them writes down for another to compare, such as the end of a lease, is told by this one."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def database_now() -> datetime:
    """SQLite runs in this very process, and on this host."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
