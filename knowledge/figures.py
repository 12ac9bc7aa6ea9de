"""What an evaluation found, in figures. Recall and nDCG count the answerable questions, the separation
of answerable and unanswerable ones counts all."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from knowledge.evaluation import Answered

_WORD = re.compile(r"\w+")
_ENOUGH = 0.6  # of the evidence in the passage, or
_INSIDE = 0.8  # of the passage in the evidence


def figures(run: Sequence[Answered], texts: Mapping[str, str]) -> dict[str, float]:
    """Averages by name; `texts` are the documents by id."""
    found: dict[str, list[float]] = {}
    for answered in run:
        if answered.question["answerable"]:
            for name, value in _of_question(answered, texts):
                found.setdefault(name, []).append(value)
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return means | _separation(run)


def _of_question(answered: Answered, texts: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    question = answered.question
    relevant = set(question["relevant_ids"])
    yield from _recall("document", [document in relevant for document in answered.ranked])
    if question.get("evidence"):
        held = [_holds(passage, question["evidence"], texts) for passage in answered.passages]
        yield from _recall("passage", held)
        first = held.index(True) if any(held) else None
        yield "passage nDCG@10", 0.0 if first is None else 1 / math.log2(first + 2)
    if question.get("answers"):
        shown = _plain(answered.answer)
        yield "answer shown", float(any(_plain(gold) in shown for gold in question["answers"]))
        yield "answer words", float(len(answered.answer.split()))


def _recall(level: str, relevant: Sequence[bool]) -> Iterator[tuple[str, float]]:
    for depth in (1, 5, 10):
        yield f"{level} R@{depth}", float(any(relevant[:depth]))


def _holds(passage: tuple[str, str], evidence: Sequence[Mapping[str, Any]], texts: Mapping[str, str]) -> bool:
    """By pairs of words, so that a changed mark-up does not matter."""
    document, text = passage
    for span in evidence:
        if span["doc_id"] != document:
            continue
        wanted, present = _pairs(texts[document][span["start"] : span["end"]]), _pairs(text)
        shared = (wanted & present).total()
        if shared and (shared >= _ENOUGH * wanted.total() or shared >= _INSIDE * present.total()):
            return True
    return False


def _pairs(text: str) -> Counter[tuple[str, str]]:
    words = _WORD.findall(text.lower())
    return Counter(pairwise(words) if len(words) > 1 else [(word, "") for word in words])


def _plain(text: str) -> str:
    return " ".join(word for word in _WORD.findall(text.lower()) if word not in ("a", "an", "the"))


def _separation(run: Sequence[Answered]) -> dict[str, float]:
    """How well confidence tells answerable from unanswerable, and how well the decision does."""
    answerable = np.array([bool(answered.question["answerable"]) for answered in run])
    if answerable.all() or not answerable.any():
        return {}
    confidence = np.array([answered.findings.confidence for answered in run])
    decided = np.array([answered.findings.answerable for answered in run])
    above = confidence[answerable][:, None] - confidence[~answerable][None, :]
    return {
        "AUROC": float((above > 0).mean() + (above == 0).mean() / 2),
        "macro F1": (_f1(decided, answerable) + _f1(~decided, ~answerable)) / 2,
        "answers the answerable": float(decided[answerable].mean()),
        "answers the unanswerable": float(decided[~answerable].mean()),
    }


def _f1(decided: np.ndarray, right: np.ndarray) -> float:
    return float(2 * (decided & right).sum() / max(1, decided.sum() + right.sum()))
