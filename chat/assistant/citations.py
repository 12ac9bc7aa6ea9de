"""Citation markers while the text streams.

Models write `[2]`, `[1, 3]` or, in the habit of gpt-oss, `【2†L3-L9】`. Only numbers of passages that were
handed over are kept; they are renumbered in the order in which they first appear, so the customer reads
[1], [2], … whatever was retrieved. Everything else in brackets passes through untouched.
"""

import re
from dataclasses import dataclass, field

_LONGEST = 60  # characters; a bracket that is open for longer is ordinary text
# A marker that is dropped takes the space before it along.
_MARKER = re.compile(r"( ?)(?:\[\s*(\d{1,3}(?:\s*,\s*\d{1,3})*)\s*\]|【\s*(\d{1,3})(?!\d)[^\]】]{0,36}】)")
_OPEN = re.compile(r"[\[【][\d,\s]{0,12}\Z")
_OPEN_LONGEST = 13
_UNDECIDED = re.compile(rf"(?: ?[\[【][^\]】]{{0,{_LONGEST}}}| )\Z")


@dataclass(slots=True)
class CitationStream:
    """Feed text in pieces of any size: what comes out is final, and the same however it was cut.

    `available` counts the passages that may be cited, from 1.
    """

    available: int
    numbers: dict[int, int] = field(default_factory=dict)
    """Passage → number in the answer."""
    _held: str = ""

    def feed(self, text: str) -> str:
        """The text that is certain by now; what may become a marker is held back."""
        text = self._held + text
        undecided = _UNDECIDED.search(text)
        cut = undecided.start() if undecided else len(text)
        self._held = text[cut:]
        return _MARKER.sub(self._renumber, text[:cut])

    def flush(self) -> str:
        """What was held back, at the end of the text."""
        held, self._held = self._held, ""
        return held

    def _renumber(self, match: re.Match[str]) -> str:
        wanted = [int(number) for number in (match[2] or match[3]).split(",")]
        known = dict.fromkeys(number for number in wanted if 1 <= number <= self.available)
        if not known:
            # Nothing in its place would let what stands around it close up to another marker: [[9]2].
            end = match.start()
            return " " if _OPEN.search(match.string, max(end - _OPEN_LONGEST, 0), end) else ""
        return match[1] + "".join(f"[{self._number(passage)}]" for passage in known)

    def _number(self, passage: int) -> int:
        return self.numbers.setdefault(passage, len(self.numbers) + 1)
