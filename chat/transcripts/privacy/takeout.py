"""All that is stored of a visitor, in a zip that people and programs can read."""

import json
import zipfile
from collections.abc import Collection
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from chat.models import Digest
from chat.transcripts.privacy import reach

_DERIVED = {Digest}  # says nothing that the conversations don't


def write_takeout(visitors: Collection[str], file: IO[bytes]) -> int:
    """`data.json` with every row of every table, and the pictures beside it; returns the number of rows."""
    tables: dict[str, list[dict[str, Any]]] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for holding in reach.holdings(visitors):
            if holding.model in _DERIVED:
                continue
            name = str(holding.model._meta.verbose_name_plural)
            tables[name] = [_row(row) for row in holding.rows.order_by("pk")]
            for row in holding.rows if holding.files else ():
                for field in holding.files:
                    _add_file(archive, getattr(row, field))
        data = {"visitors": sorted(visitors), **dict(reversed(tables.items()))}
        archive.writestr("data.json", json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))
    return sum(len(rows) for rows in tables.values())


def _row(row: Model) -> dict[str, Any]:
    return {
        field.name: value.name if hasattr(value := getattr(row, field.attname), "storage") else value
        for field in row._meta.concrete_fields
    }


def _add_file(archive: zipfile.ZipFile, file: Any) -> None:
    if not file:
        return
    try:
        with file.storage.open(file.name) as content:
            archive.writestr(f"files/{file.name}", content.read())
    except OSError:
        archive.writestr(f"files/{file.name}.missing", b"")
