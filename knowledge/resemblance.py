"""Sources that say nearly the same, and perhaps not the same thing.

All stored vectors are compared with each other, the newest `NEWEST` of a kind at most: that is 3 s and
40 MB, whatever the knowledge base holds beyond. A pair is a hint for people: nothing is merged by itself.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from joblynk.providers import registry
from joblynk.providers.types import Vectors
from knowledge import library
from knowledge.library import Likeness, StoredVector

NEWEST = 20_000
MOST_PAIRS = 500
SAME_QUESTION = 0.78  # cosine of two ways to ask; "forgot my password", "reset my password" have 0.79
SAME_TEXT = 0.85  # of two passages; the same rule with another figure in it has 0.85
_BLOCK = 256  # rows compared at once
_SENTENCES = 40
_SAME_SENTENCE = 0.5  # shared content words of two sentences, as a share of all
_SHARED_WORDS = 2

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
_LIST_MARK = re.compile(r"^[^\S\n]*+\d++[.)]\s", re.MULTILINE)
_NEGATION = re.compile(r"\b(?:no|not|never|none|nobody|nothing|without|cannot)\b|n['’]t\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]{4,}")


class Summary(NamedTuple):
    pairs: int
    contradictions: int
    compared: int
    """Vectors that were compared, and how many there are."""
    stored: int


def look() -> Summary:
    """Compare what is stored and keep the pairs that were found; ignored ones stay ignored."""
    embedder = registry.get("embedder")
    if not library.state().recipe.startswith(f"{embedder.name}/"):
        return Summary(0, 0, 0, 0)  # another model's vectors, until all is read with this one
    dimension = embedder.dimension
    passages = library.vectors("passage", NEWEST, dimension)
    questions = library.vectors("phrasing", NEWEST, dimension)
    answers = {row.key: row for row in passages.rows if row.key[0] == "f"}
    best: dict[tuple[str, str], Likeness] = {}
    for left, right, cosine in alike(passages.rows, passages.matrix, SAME_TEXT):
        _take(best, left, right, cosine, same_question=False)
    for left, right, cosine in alike(questions.rows, questions.matrix, SAME_QUESTION):
        if left.key in answers and right.key in answers:
            _take(best, answers[left.key], answers[right.key], cosine, same_question=True)
    kept = sorted(best.values(), key=lambda pair: -pair.likeness)[:MOST_PAIRS]
    texts = library.texts([row.chunk_id for pair in kept for row in (pair.left, pair.right)])
    told = []
    for pair in kept:
        words = (texts.get(pair.left.chunk_id, ""), texts.get(pair.right.chunk_id, ""))
        told.append(pair._replace(contradiction=contradiction(*words, same_question=pair.same_question)))
    library.keep_resemblances(told)
    return Summary(
        len(told),
        sum(bool(pair.contradiction) for pair in told),
        len(passages.rows) + len(questions.rows),
        passages.stored + questions.stored,
    )


def _take(
    best: dict[tuple[str, str], Likeness],
    one: StoredVector,
    other: StoredVector,
    cosine: float,
    *,
    same_question: bool,
) -> None:
    """Of two sources only the passages that are most alike; being asked the same stays known."""
    left, right = sorted((one, other))
    known = best.get((left.key, right.key))
    asked = same_question or (known is not None and known.same_question)
    if known is None or known.likeness < cosine:
        best[left.key, right.key] = Likeness(left, right, cosine, asked)
    elif asked:
        best[left.key, right.key] = known._replace(same_question=True)


def alike(
    rows: Sequence[StoredVector], matrix: Vectors, least: float
) -> Iterator[tuple[StoredVector, StoredVector, float]]:
    """Pairs of different sources with a cosine of at least `least`; of a block the best `MOST_PAIRS`.

    `matrix`: float32 (rows, dimension), rows of length 1.
    """
    keys = np.array([row.key for row in rows])
    for start in range(0, len(rows), _BLOCK):
        cosines = matrix[start : start + _BLOCK] @ matrix[start:].T
        near = (cosines >= least) & (keys[start : start + _BLOCK, None] != keys[None, start:])
        left, right = np.nonzero(np.triu(near, 1))
        order = np.argsort(-cosines[left, right], kind="stable")[:MOST_PAIRS]
        for i, j in zip(left[order], right[order], strict=True):
            yield rows[start + i], rows[start + j], min(float(cosines[i, j]), 1.0)


def contradiction(left: str, right: str, *, same_question: bool = False) -> str:
    """Why two texts may contradict each other, in words for staff; "" if nothing shows.

    Answers to one question are compared as a whole, other texts only where their sentences speak of the
    same: two long texts hold different figures for good reasons.
    """
    pairs = [(left, right)] if same_question else _same_sentences(left, right)
    for here, there in pairs:
        ours, theirs = _numbers(here), _numbers(there)
        if ours - theirs and theirs - ours:
            return f"Different numbers: {_some(ours - theirs)} in one, {_some(theirs - ours)} in the other."
        if bool(_NEGATION.search(here)) != bool(_NEGATION.search(there)):
            said = " ".join((here if _NEGATION.search(here) else there).split())
            return f"Only one of them says no: “{said[:120]}{'…' if len(said) > 120 else ''}”"
    return ""


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(_LIST_MARK.sub("", text)))


def _some(numbers: set[str]) -> str:
    shown = sorted(numbers)
    return ", ".join(number[:20] for number in shown[:4]) + (" …" if len(shown) > 4 else "")


def _same_sentences(left: str, right: str) -> Iterator[tuple[str, str]]:
    others = [(other, _content(other)) for other in _sentences(right)]
    for sentence in _sentences(left):
        words = _content(sentence)
        for other, theirs in others:
            if len(words & theirs) >= max(_SHARED_WORDS, _SAME_SENTENCE * len(words | theirs)):
                yield sentence, other


def _sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in _SENTENCE.split(text) if sentence.strip()][:_SENTENCES]


def _content(sentence: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(sentence)}
