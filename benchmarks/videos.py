"""What videos add to a turn, and how soon an edit shows, among many of them."""

import asyncio
import statistics
import time
from itertools import islice

from benchmarks import corpus, measure
from benchmarks.ground import Ground
from benchmarks.report import Row, at_most, number

_CHAPTERS, _CAPTIONS = 5, 8


def rows(ground: Ground) -> list[Row]:
    videos = ground.of(2_000, 40)
    added, embedding, edit, start = ground.measured(
        "benchmarks.videos:measured", ground.sites.copy(), videos=videos, times=ground.of(400, 10)
    )
    pieces = videos * (2 + _CHAPTERS + _CAPTIONS)
    what = f"recommending among {videos:,} videos ({pieces:,} pieces), p95 beyond the embedding"
    return [
        at_most(what, added, 5, "ms", f"the embedding {number(embedding, 'ms')}"),
        Row(f"an edit among {videos:,} videos until it is recommended, p50", number(edit, "ms")),
        Row(f"the first recommendation of a process, {videos:,} videos", number(start, "s")),
    ]


def measured(videos: int, times: int) -> tuple[float, float, float, float]:
    """p95 of a recommendation with the question's vector at hand and p50 of the embedding, both in
    milliseconds; p50 of an edit in milliseconds; seconds until the index is built."""
    from joblynk.providers import registry
    from videos import recommend

    seed(videos)
    embedder = registry.get("embedder")
    questions = [" ".join(text.split()[:12]) for text in islice(corpus.passages(times + 20), times + 20)]
    embedder.embed(["warm"])
    began = time.perf_counter()
    recommend.warm()
    start = time.perf_counter() - began
    embedded: list[float] = []
    added: list[float] = []

    async def ask() -> None:
        for question in questions:
            begun = time.perf_counter()
            vector = embedder.embed([question])[0]
            at_hand = time.perf_counter()
            await recommend.recommend(question, vector, embedder.name)
            embedded.append((at_hand - begun) * 1000)
            added.append((time.perf_counter() - at_hand) * 1000)

    asyncio.run(ask())
    return (
        measure.percentile(added[20:], 0.95),
        statistics.median(embedded[20:]),
        edits(max(times // 20, 3)),
        start,
    )


def edits(times: int) -> float:
    """Milliseconds from saving a new title until the video is recommended for it, p50."""
    from videos import catalogue, reading, recommend
    from videos.models import Video

    row = Video.objects.order_by("pk")[0]
    found: list[float] = []
    for turn in range(times):
        row.title = f"Sharpening a chisel, lesson {turn}"
        began = time.perf_counter()
        catalogue.save(row)
        reading.read(row.pk)
        shown = recommend.recommend_now(f"sharpening a chisel lesson {turn}")
        found.append((time.perf_counter() - began) * 1000)
        assert row.title in [suggestion.title for suggestion in shown]
    return statistics.median(found)


def seed(videos: int) -> None:
    """Videos with chapters and captions, and vectors that nobody computed: apart from each other, so that
    the nearest pieces belong to as many videos as can be."""
    import numpy as np

    from joblynk.providers import registry
    from videos import reading
    from videos.models import Chapter, Piece, Video

    dimension, recipe = registry.get("embedder").dimension, reading.recipe()
    random = np.random.default_rng(5)
    texts = corpus.passages(videos * (_CHAPTERS + _CAPTIONS + 1))
    made = Video.objects.bulk_create(
        Video(
            title=f"Lesson {number_}",
            provider="youtube",
            external_id=f"{number_:011}",
            duration=120,
            recipe=recipe,
            generation=1,
        )
        for number_ in range(videos)
    )
    Chapter.objects.bulk_create(
        Chapter(video=row, position=place, start=place * 20, title=f"Part {place}")
        for row in made
        for place in range(_CHAPTERS)
    )
    for row in made:
        vectors = random.standard_normal((2 + _CHAPTERS + _CAPTIONS, 2 * dimension), np.float32)
        vectors[:, :dimension] /= np.linalg.norm(vectors[:, :dimension], axis=1, keepdims=True)
        vectors[:, dimension:] /= np.linalg.norm(vectors[:, dimension:], axis=1, keepdims=True)
        kinds = [("title", 0.0), ("description", 0.0)]
        kinds += [("chapter", place * 20.0) for place in range(_CHAPTERS)]
        kinds += [("caption", place * 12.0) for place in range(_CAPTIONS)]
        Piece.objects.bulk_create(
            Piece(
                video=row,
                kind=kind,
                start=start,
                text=row.title if kind == "title" else " ".join(next(texts).split()[:30]),
                text_hash=f"{row.pk}-{place}",
                vector=vectors[place].astype("<f4").tobytes(),
            )
            for place, (kind, start) in enumerate(kinds)
        )
