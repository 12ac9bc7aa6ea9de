"""Reads the print in pictures without any service: text recognition in a child process."""

from collections.abc import Sequence
from pathlib import Path

from joblynk.pictures import workshop
from joblynk.pictures.types import PictureError
from joblynk.providers.errors import ProviderError
from joblynk.providers.types import Sight

NAME = "offline"


class OfflineVision:
    """Knows what is written, not what is shown."""

    name = NAME

    async def look(self, pictures: Sequence[Path]) -> tuple[Sight, ...]:
        return tuple([await _look(picture) for picture in pictures])

    async def aclose(self) -> None:
        """The child ends by itself when there is nothing to read."""


async def _look(picture: Path) -> Sight:
    try:
        found = await workshop.read(picture)
    except PictureError as error:
        code = error.code
    else:
        return Sight(found.text, confidence=found.confidence)
    raise ProviderError(NAME, "timeout" if code == "timeout" else "bad_answer", detail=code)
