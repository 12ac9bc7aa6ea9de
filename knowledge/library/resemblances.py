"""Pairs of sources that say nearly the same, as they were last found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.utils import timezone

from joblynk.providers.types import Vectors
from knowledge.library.index import state
from knowledge.library.sources import remove, save_faq
from knowledge.library.staff import same_question
from knowledge.models import Chunk, Faq, Resemblance

_BATCH = 500


class StoredVector(NamedTuple):
    key: str  # "d12", "f3"
    text_hash: str
    chunk_id: int


@dataclass(frozen=True, slots=True)
class StoredVectors:
    rows: list[StoredVector]
    matrix: Vectors  # float32 (rows, dimension)
    stored: int
    """How many there are, compared or not."""


class Likeness(NamedTuple):
    left: StoredVector
    right: StoredVector
    likeness: float
    same_question: bool = False
    """Both are FAQs, and are asked in nearly the same words."""
    contradiction: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair with both its passages as they stand now."""

    resemblance: Resemblance
    left: Chunk
    right: Chunk


def vectors(role: str, newest: int, dimension: int) -> StoredVectors:
    """The newest vectors of the recipe that is served."""
    chunks = Chunk.objects.filter(role=role, recipe=state().recipe)
    rows: list[StoredVector] = []
    matrix = np.empty((min(chunks.count(), newest), dimension), np.float32)
    found = chunks.order_by("-generation", "pk").values_list(
        "pk", "document_id", "faq_id", "text_hash", "vector"
    )
    for pk, document, faq, text_hash, vector in found[: len(matrix)].iterator(chunk_size=_BATCH):
        matrix[len(rows)] = np.frombuffer(vector, "<f4", count=dimension)
        rows.append(StoredVector(f"d{document}" if document else f"f{faq}", text_hash, pk))
    return StoredVectors(rows, matrix[: len(rows)], chunks.count())


def texts(chunk_ids: Iterable[int]) -> dict[int, str]:
    wanted = list(dict.fromkeys(chunk_ids))
    found: dict[int, str] = {}
    for start in range(0, len(wanted), _BATCH):
        found.update(Chunk.objects.filter(pk__in=wanted[start : start + _BATCH]).values_list("pk", "text"))
    return found


def keep_resemblances(found: Sequence[Likeness]) -> None:
    """In the place of those found before. Whether a pair is ignored is kept while both its texts are."""
    with transaction.atomic():
        ignored = {_identity(row): row for row in Resemblance.objects.exclude(ignored_at=None)}
        Resemblance.objects.filter(ignored_at=None).delete()
        fresh = []
        for pair in found:
            row = Resemblance(
                left_key=pair.left.key,
                right_key=pair.right.key,
                left_hash=pair.left.text_hash,
                right_hash=pair.right.text_hash,
                left_chunk=pair.left.chunk_id,
                right_chunk=pair.right.chunk_id,
                likeness=pair.likeness,
                contradiction=pair.contradiction[:200],
            )
            if known := ignored.get(_identity(row)):
                Resemblance.objects.filter(pk=known.pk).update(
                    left_chunk=row.left_chunk, right_chunk=row.right_chunk
                )
            else:
                fresh.append(row)
        Resemblance.objects.bulk_create(fresh, batch_size=_BATCH)


def pairs(rows: Iterable[Resemblance]) -> list[Pair]:
    """Both sides as they stand; a pair of which one side is gone or was written anew is left out."""
    shown = list(rows)
    ids = {pk for row in shown for pk in (row.left_chunk, row.right_chunk)}
    chunks = Chunk.objects.select_related("document", "faq").defer("vector", "document__text").in_bulk(ids)
    found = []
    for row in shown:
        left, right = chunks.get(row.left_chunk), chunks.get(row.right_chunk)
        if left and right and (left.text_hash, right.text_hash) == (row.left_hash, row.right_hash):
            found.append(Pair(row, left, right))
    return found


def ignore_resemblance(pk: int, by: AbstractBaseUser | AnonymousUser, *, ignored: bool) -> int:
    values = {"ignored_at": timezone.now(), "ignored_by_id": by.pk} if ignored else {"ignored_at": None}
    return Resemblance.objects.filter(pk=pk).update(**values)


def merge_faqs(kept: Faq, other: Faq) -> None:
    """`kept` takes the questions and the tags of `other`, which is gone; then it wants `tasks.enqueue`."""
    with transaction.atomic():
        asked = {same_question(kept.question): ""}
        for text in (*kept.phrasings, other.question, *other.phrasings):
            asked.setdefault(same_question(text), text)
        kept.phrasings = [text for text in asked.values() if text]
        kept.tags = list(dict.fromkeys([*kept.tags, *other.tags]))
        remove("faq", [other.pk])
        save_faq(kept)


def _identity(row: Resemblance) -> tuple[str, str, str, str]:
    return row.left_key, row.right_key, row.left_hash, row.right_hash
