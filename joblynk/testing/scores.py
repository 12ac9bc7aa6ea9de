"""How well the rendered screenshots were read and answered."""

from collections.abc import Iterable
from dataclasses import dataclass

from joblynk.testing.screens import Rendered


@dataclass(frozen=True, slots=True)
class Score:
    """Of one screenshot: the share of its characters that were read rightly, whether its error code was, and
    whether the passage about that code was cited."""

    screen: Rendered
    accuracy: float
    code_read: bool
    cited: bool


def score(screen: Rendered, read: str, sources: Iterable[dict[str, str]]) -> Score:
    """`read` is the text that was stored, `sources` what the answer cites, as the wire has them."""
    code = screen.screen.words.code
    told = [f"{source['title']} {source['heading']} {source['quote']}" for source in sources]
    return Score(screen, accuracy(screen.text, read), code in read, any(code in passage for passage in told))


def accuracy(known: str, read: str) -> float:
    """1 - edits / characters, blanks and line ends counted alike."""
    known, read = " ".join(known.split()), " ".join(read.split())
    return max(0.0, 1.0 - _edits(known, read) / max(len(known), 1))


def _edits(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for place, char in enumerate(one, 1):
        before, row[0] = row[0], place
        for column, letter in enumerate(other, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (char != letter)),
            )
    return row[-1]
