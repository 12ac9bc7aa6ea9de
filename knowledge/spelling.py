"""A customer's typing errors, mended from the words that the knowledge base uses. Pure.

Both rankings suffer from them: a misspelt word is no word to BM25, and to the encoder a heap of pieces.
Only what is certainly no word is touched, and only when a single slip turns it into one of the base's.
"""

import re
from collections.abc import Callable, Iterator

_WORD = re.compile(r"[^\W\d_]{4,20}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORT = 4  # letters; so short a word is one slip from too many others, so only a swap is mended


def repair(text: str, uses: Callable[[str], int], is_word: Callable[[str], bool]) -> str:
    """`text` with misspelt words replaced. `uses`: how many chunks hold a word of lower case letters;
    `is_word`: it is a word all the same. Names are left alone: a slip away is often another name."""

    def mended(match: re.Match[str]) -> str:
        word = match[0].lower()
        is_name = match.start() > 0 and match[0].istitle()
        if is_name or not word.isascii() or uses(word) or is_word(word):
            return match[0]
        count, near = max(((uses(slip), slip) for slip in _slips(word)), default=(0, word))
        return near if count else match[0]

    return _WORD.sub(mended, text)


def _slips(word: str) -> Iterator[str]:
    """Everything one letter out of order, too few, too many or wrong away. The first letter is nearly
    always right, so only a swap changes it."""
    for place in range(len(word) - 1):
        yield word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if len(word) <= _SHORT:
        return
    for place in range(1, len(word) + 1):
        head, tail = word[:place], word[place:]
        for letter in _LETTERS:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]
        if tail:
            yield head + tail[1:]
