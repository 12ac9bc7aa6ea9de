"""The use case behind every edit: cut the video into pieces, embed what is new, replace them at once.

It runs in the request of whoever edits, right after the commit, so that the next recommendation knows it;
the encoder takes some milliseconds for a text. What fails there, or was killed, stays unread and is taken
up by the worker.
"""

import logging
import time

from joblynk.providers import registry
from videos import catalogue
from videos.pieces import PIECES_VERSION, PieceText, pieces

logger = logging.getLogger(__name__)

_TURN_SECONDS = 10.0
_PAGE = 20
_BATCH = 32  # texts that are embedded at once
_TRIES = 3


def recipe() -> str:
    """Names who embeds, and how videos are cut."""
    return f"{registry.get('embedder').name}/pieces-v{PIECES_VERSION}"


def read(video_id: int) -> bool:
    """Make the pieces of a video follow what it says now. False when it is gone, or is edited again and
    again meanwhile: whoever edits it reads it then."""
    by = recipe()
    for _ in range(_TRIES):
        text = catalogue.texts(video_id)
        if text is None:
            return False
        found = pieces(text)
        if catalogue.replace_pieces(video_id, text, found, _vectors(found, by), by):
            return True
    return False


def read_soon(video_id: int) -> None:
    """The same for a request that has committed: a failure is logged, and the worker tries again."""
    try:
        read(video_id)
    except Exception:
        logger.exception("Video %s could not be made searchable; the worker tries again", video_id)


def take_due() -> bool:
    """Read what is unread, or was read by another model. Returns after some seconds even if more is left,
    and then True."""
    until = time.monotonic() + _TURN_SECONDS
    while found := catalogue.unread(recipe(), _PAGE):
        if not sum(_taken(video_id) for video_id in found):
            return False  # none of them can be read now: not again at once
        if time.monotonic() > until:
            return True
    return False


def _taken(video_id: int) -> bool:
    try:
        return read(video_id)
    except Exception:
        logger.exception("Video %s could not be made searchable", video_id)
        return False


def _vectors(found: list[PieceText], by: str) -> dict[str, bytes]:
    """By text hash, as `Piece.vector` is stored."""
    pieces_of = {piece.text_hash: piece for piece in found}
    known = catalogue.known_vectors(pieces_of, by)
    new = [(key, piece.embedded) for key, piece in pieces_of.items() if key not in known]
    embedder = registry.get("embedder")
    for start in range(0, len(new), _BATCH):
        batch = new[start : start + _BATCH]
        made = iter(embedder.embed([text for _, texts in batch for text in texts]))
        for key, texts in batch:
            known[key] = b"".join(next(made).astype("<f4").tobytes() for _ in texts)
    return known
