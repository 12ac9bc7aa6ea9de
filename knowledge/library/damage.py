"""What should not be: chunks, tombstones and generations that contradict each other; and its removal.

Looks at everything stored, so it is for a command that somebody waits for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Max, Min, Q, QuerySet

from knowledge import parts
from knowledge.library.chunks import drop_chunks
from knowledge.library.index import raise_generation, state
from knowledge.library.sources import MODELS, stored_hash
from knowledge.models import Chunk, Document, IndexState, RemovedChunk

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Damage:
    """`chunk_ids` are to be dropped, so that their sources are read again."""

    what: str
    count: int
    chunk_ids: list[int]


def vectors(dimension: int) -> Damage:
    """Chunks of the served recipe without a vector, or with one that is none."""
    rows = Chunk.objects.filter(recipe=state().recipe).values_list("pk", "vector")
    broken = [
        pk for pk, stored in rows.iterator(chunk_size=2_000) if not parts.is_sound(bytes(stored), dimension)
    ]
    return Damage("passages without a sound vector", len(broken), broken)


def strays(wanted: str) -> Damage:
    """Chunks of a recipe that is neither served nor on its way."""
    rows = Chunk.objects.exclude(recipe__in=[state().recipe, wanted])
    found = list(rows.values_list("pk", flat=True))
    return Damage("passages of an old model or version", len(found), found)


def doubles() -> Damage:
    """Chunks at a place of their source where another stands already; the later ones."""
    extra: list[int] = []
    for kind in MODELS:
        same = (
            Chunk.objects.filter(**{f"{kind}__isnull": False})
            .values(f"{kind}_id", "recipe", "position")
            .annotate(count=Count("pk"), first=Min("pk"))
            .filter(count__gt=1)
        )
        for group in same:
            place = {name: group[name] for name in (f"{kind}_id", "recipe", "position")}
            rows = Chunk.objects.filter(**place).exclude(pk=group["first"])
            extra += rows.values_list("pk", flat=True)
    return Damage("passages that are there twice", len(extra), extra)


def tombstones() -> Damage:
    """Removals of chunks that are there and published: whatever follows the changes drops them."""
    return Damage("published passages that searches hold for gone", _told_to_be_gone().count(), [])


def unnumbered() -> Damage:
    """Chunks of a generation that has not come yet: who follows the changes asks for later ones only."""
    rows = Chunk.objects.filter(generation__gt=state().generation)
    return Damage("passages that searches do not hear of", rows.count(), [])


def lost_files() -> Iterator[Document]:
    """Documents whose file is gone from the uploads."""
    for document in Document.objects.exclude(file="").order_by("pk").iterator(chunk_size=_BATCH):
        if not stored_hash(document):
            yield document


def mend(chunk_ids: list[int]) -> None:
    """Drop chunks, so that their sources are read again; have running searches take back what they hold for
    gone; number anew."""
    with transaction.atomic():
        highest = Chunk.objects.aggregate(highest=Max("generation"))["highest"] or 0
        IndexState.objects.filter(pk=1, generation__lt=highest).update(generation=highest)
        told = _told_to_be_gone()
        generation, _ = raise_generation()
        Chunk.objects.filter(pk__in=told.values("chunk_id")).update(generation=generation)
        told.delete()
        drop_chunks(chunk_ids)


def _told_to_be_gone() -> QuerySet[RemovedChunk]:
    live = Chunk.objects.filter(Q(document__published=True) | Q(faq__published=True), recipe=state().recipe)
    return RemovedChunk.objects.filter(chunk_id__in=live.values("pk"))
