"""The order of what was found."""

from datetime import UTC, datetime

import numpy as np

from knowledge.index import Candidate
from knowledge.library import LivePassage
from knowledge.parts import Meaning
from knowledge.ranking import Ranked, judge
from knowledge.words import WordIndex

VECTOR = np.eye(1, 384, dtype=np.float32)[0]
ASKED, OTHER = np.eye(2, 64, dtype=np.float32)


def passage(chunk_id: int, word: np.ndarray) -> LivePassage:
    """Stored as `parts.embed` does: the whole, no sentences, one word."""
    stored = VECTOR.astype("<f4").tobytes() + (127 * word).astype(np.int8).tobytes() + b"\x01\x00"
    return LivePassage(
        chunk_id, "document", chunk_id, "Plans", "", None, "Text.", datetime(2026, 1, 1, tzinfo=UTC), stored
    )


def test_of_passages_equally_near_the_one_whose_words_mean_what_is_asked_comes_first() -> None:
    live = {1: passage(1, OTHER), 2: passage(2, ASKED)}
    ranked = [Ranked(Candidate(pk, 1.0, 0.0, 0.0, 0.0, coded=False), 0.8) for pk in live]
    found = judge(WordIndex(), "refund", Meaning(VECTOR, ("refund",), ASKED[np.newaxis]), ranked, live, 5)
    assert [hit.chunk_id for hit in found.passages] == [2, 1]
