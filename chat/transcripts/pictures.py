"""Every query and write on customers' pictures: kept, sent, served, forgotten."""

import re
import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from django.core.files import File
from django.db import transaction

from chat.models import Attachment, Message

UNSENT = 12
"""Pictures that one visitor may have uploaded and not sent."""
UNSENT_LIFE = timedelta(hours=24)
_AT_A_TIME = 200
_HEX = re.compile("[0-9a-f]{32}")


class _Moved(File):  # type: ignore[type-arg]
    """A file that the storage may move instead of copying it."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def add_picture(attachment: Attachment, picture: Path, thumb: Path) -> bool:
    """Store the row and move both files to where they are served from: all of it or nothing. False when
    this visitor has too many that were never sent."""
    if Attachment.objects.filter(visitor=attachment.visitor, message=None).count() >= UNSENT:
        return False
    try:
        for field, path in ((attachment.picture, picture), (attachment.thumb, thumb)):
            with path.open("rb") as file:
                field.save(path.name, _Moved(file, str(path)), save=False)
        attachment.save(force_insert=True)
    except BaseException:
        remove_files([attachment])
        raise
    return True


def picture_of(visitor: str, attachment_id: uuid.UUID) -> Attachment | None:
    return Attachment.objects.filter(visitor=visitor, id=attachment_id).first()


def any_picture(attachment_id: uuid.UUID) -> Attachment | None:
    """Whosever it is: for staff."""
    return Attachment.objects.filter(id=attachment_id).first()


def remove_unsent(visitor: str, attachment_id: uuid.UUID) -> bool:
    """False when there is no such picture, or it has been sent."""
    return bool(_forget(Attachment.objects.filter(visitor=visitor, id=attachment_id, message=None)))


def remove_stale(now: datetime) -> bool:
    """Forget what was uploaded a day ago and never sent. True when more is left."""
    stale = Attachment.objects.filter(message=None, created_at__lt=now - UNSENT_LIFE)
    return _forget(stale.order_by("created_at")[:_AT_A_TIME]) == _AT_A_TIME


def remove_files(attachments: Iterable[Attachment]) -> None:
    """The files of rows that are gone, or about to be. Called twice it does no harm."""
    for attachment in attachments:
        for field in (attachment.picture, attachment.thumb):
            if field.name:
                field.storage.delete(field.name)


def without_picture(files: Sequence[Path]) -> list[Path]:
    """Those that belong to no row, by the name that files are given."""
    lost: list[Path] = []
    for start in range(0, len(files), _AT_A_TIME):
        keys = {path: path.name[:32] for path in files[start : start + _AT_A_TIME]}
        ids = {uuid.UUID(key) for key in keys.values() if _HEX.fullmatch(key)}
        known = {key.hex for key in Attachment.objects.filter(id__in=ids).values_list("id", flat=True)}
        lost += [path for path, key in keys.items() if key not in known]
    return lost


def sendable(visitors: Collection[str], ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Attachment]:
    """Those of `ids` that these visitors have uploaded, sent or not, locked until the transaction ends."""
    if not ids:
        return {}
    rows = Attachment.objects.select_for_update().filter(id__in=ids, visitor__in=visitors).order_by("id")
    return {row.id: row for row in rows}


def sent_with(message_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, tuple[uuid.UUID, ...]]:
    """The pictures of each message that has some, in their order."""
    found: dict[uuid.UUID, tuple[uuid.UUID, ...]] = {}
    rows = Attachment.objects.filter(message__in=message_ids).order_by("place")
    for message_id, key in rows.values_list("message_id", "id"):
        if message_id is not None:
            found[message_id] = (*found.get(message_id, ()), key)
    return found


def read_again(message: Message) -> None:
    """Pictures that nobody could read are free to be tried once more."""
    failed = Attachment.objects.filter(message=message, correction=None).exclude(failure="")
    failed.update(read_at=None, claimed_until=None, failure="")


def attach(message: Message, attachments: Sequence[Attachment]) -> None:
    """To a message whose row may not be there yet: `save_attached` stores it."""
    for place, attachment in enumerate(attachments):
        attachment.message, attachment.place = message, place


def save_attached(attachments: Sequence[Attachment]) -> None:
    if attachments:
        Attachment.objects.bulk_update(attachments, ["message", "place"])


@transaction.atomic
def _forget(rows: "Iterable[Attachment]") -> int:
    """The rows first: files without a row are found by `tidy`, a row without files would be broken."""
    found = list(rows)
    ids = [row.id for row in found]
    # Sent in this moment: it stays.
    gone = set(
        Attachment.objects.select_for_update().filter(id__in=ids, message=None).values_list("id", flat=True)
    )
    Attachment.objects.filter(id__in=gone).delete()
    transaction.on_commit(lambda: remove_files(row for row in found if row.id in gone))
    return len(found)
