"""Who reads a customer's picture: the model that sees, and when it fails, this server."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from chat.assistant.services import Seen
from chat.models import Attachment
from chat.transcripts import Reading
from joblynk.providers.errors import ALARMS, ProviderError
from joblynk.providers.types import Sight, Vision

logger = logging.getLogger(__name__)


async def look(pictures: Sequence[Attachment], vision: Vision, offline: Vision) -> list[Reading]:
    """One for each picture. Raises nothing that a reader's failure can cause."""
    began = time.monotonic()
    if vision.name != offline.name:
        try:
            sights = await vision.look([Path(picture.picture.path) for picture in pictures])
        except ProviderError as error:
            _report(error)
        else:
            return [
                _reading(picture, vision, sight, began)
                for picture, sight in zip(pictures, sights, strict=True)
            ]
    return [await _look(picture, offline) for picture in pictures]


async def _look(picture: Attachment, vision: Vision) -> Reading:
    began = time.monotonic()
    try:
        (sight,) = await vision.look([Path(picture.picture.path)])
    except ProviderError as error:
        _report(error)
        return Reading(picture.id, vision.name, milliseconds=_since(began), failure=error.code)
    return _reading(picture, vision, sight, began)


def seen(picture: Attachment) -> Seen:
    if picture.correction is not None:
        return Seen(picture.correction, picture.description)
    return Seen(
        picture.text, picture.description, legible=picture.read_at is not None and not picture.failure
    )


def _reading(picture: Attachment, vision: Vision, sight: Sight, began: float) -> Reading:
    return Reading(picture.id, vision.name, sight.text, sight.description, sight.confidence, _since(began))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _report(error: ProviderError) -> None:
    level = logging.ERROR if error.code in ALARMS else logging.WARNING
    logger.log(level, "picture_not_read name=%s code=%s", error.name, error.code)
