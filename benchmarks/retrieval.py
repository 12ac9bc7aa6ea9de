"""The whole retrieval beside what most people run: sentence-transformers and a hybrid of the same kind."""

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.ground import Ground
from benchmarks.report import Row, at_most, number
from joblynk.testing.sites import ROOT


def rows(ground: Ground) -> list[Row]:
    found: list[Row] = []
    for chunks, limit in ((ground.of(10_000, 500), 4.0), (ground.of(100_000, 1_000), 8.0)):
        folder = ground.sites.copy()
        ground.measured("benchmarks.corpus:seed", folder, chunks=chunks)
        ours = ground.measured("benchmarks.retrieval:ours", folder, times=ground.of(300, 20))
        plain = ground.measured("benchmarks.retrieval:plain", folder, times=ground.of(150, 10))
        what = f"retrieval, {chunks:,} chunks, p50"
        found.append(
            at_most(what, ours["p50"], limit, "ms", f"sentence-transformers hybrid {number(plain, 'ms')}")
        )
        if chunks == ground.of(10_000, 500):
            found.append(
                at_most("  share of the sentence-transformers hybrid", ours["p50"] / plain, 0.35, "×")
            )
    return found


def queries() -> list[str]:
    path = ROOT / "chat" / "tests" / "data" / "demo_questions.json"
    return [entry["question"] for entry in json.loads(path.read_text(encoding="utf-8"))["answerable"]]


def ours(times: int) -> dict[str, float]:
    """Milliseconds of `knowledge.search.search`, from and to the event loop."""
    from knowledge import search

    search.warm()
    search.settle()

    async def ask() -> list[float]:
        found: list[float] = []
        asked = queries()
        for place in range(times + 20):
            began = time.perf_counter()
            await search.search(asked[place % len(asked)])
            found.append(time.perf_counter() - began)
        return found[20:]

    found = asyncio.run(ask())
    return {"p50": statistics.median(found) * 1000}


def plain(times: int) -> float:
    """Milliseconds of encoding with torch, an exact fp32 search and the same word index: no live rows, no
    gate, no thread to wait for."""
    import faiss
    import numpy as np

    from joblynk.providers.embedding.export import packaged_model
    from joblynk.providers.embedding.sentence_transformers import SentenceTransformerEmbedder
    from knowledge import library
    from knowledge.words import WordIndex

    embedder = SentenceTransformerEmbedder(str(packaged_model()))
    added = library.changes_since(0).added
    index = faiss.IndexFlatIP(embedder.dimension)
    index.add(np.stack([chunk.vector[: embedder.dimension] for chunk in added]))
    words = WordIndex()
    words.update(added, ())

    def ask(question: str) -> None:
        vector = embedder.embed([question])
        cosines, places = index.search(vector, 50)
        scores = dict(zip(places[0].tolist(), (0.8 * cosines[0]).tolist(), strict=True))
        lexical = words.search(question, 50).scores
        best = max(lexical.values(), default=1.0)
        for chunk, score in lexical.items():
            scores[chunk] = scores.get(chunk, 0.0) + 0.2 * score / best
        sorted(scores, key=scores.__getitem__, reverse=True)[:5]

    return _timed(ask, times)


def _timed(ask: Callable[[str], Any], times: int) -> float:
    asked = queries()
    found: list[float] = []
    for place in range(times + 10):
        began = time.perf_counter()
        ask(asked[place % len(asked)])
        found.append(time.perf_counter() - began)
    return statistics.median(found[10:]) * 1000
