"""What keeping the knowledge base costs: an edit, a reindex, a start, and chats while much is read."""

import asyncio
import resource
import statistics
import time
from typing import Any

from benchmarks import corpus, measure
from benchmarks.client import Customer
from benchmarks.ground import Ground, Served
from benchmarks.report import Row, at_most, number

_CUSTOMERS = 4
_SECTIONS = 6


def rows(ground: Ground) -> list[Row]:
    return [_edits(ground), *_reindexes(ground), _start(ground), _chats(ground)]


# --- One edit ----------------------------------------------------------------------------------


def _edits(ground: Ground) -> Row:
    sizes = ground.of(100, 20), ground.of(10_000, 60)
    small, large = (
        ground.measured(
            "benchmarks.knowledge:edit", ground.sites.copy(), documents=size, times=ground.of(60, 5)
        )
        for size in sizes
    )
    what = f"an edit among {sizes[1]:,} documents, share of one among {sizes[0]}"
    return at_most(what, large / small, 1.5, "×", f"{number(small, 'ms')}, {number(large, 'ms')}")


def edit(documents: int, times: int) -> float:
    """Milliseconds of processor time from saving a changed document until it is found, p50; a search has
    its index. Not by the clock: other work on the machine would drown the difference."""
    from knowledge import following, ingest, library, search
    from knowledge.extract import Extractor
    from knowledge.models import Document

    seed_documents(documents)
    search.warm()
    search.settle()
    row = Document.objects.get(title="Case 7")
    found: list[float] = []
    with Extractor() as extractor:
        for turn in range(times + 3):
            began = time.process_time()
            row.text = f"What was decided in turn {turn}."
            library.save_document(row)
            ingest.take("document", row.pk, extractor=extractor)
            following.follow()
            found.append((time.process_time() - began) * 1000)
            row.refresh_from_db()
    return statistics.median(found[3:])


def seed_documents(documents: int, passages: int = 1) -> None:
    """Documents of so many passages, with vectors that nobody computed."""
    import numpy as np

    from joblynk.providers import registry
    from knowledge import ingest, library
    from knowledge.models import Chunk, Document

    embedder = registry.get("embedder")
    recipe = ingest.recipe(embedder)
    random = np.random.default_rng(5)
    texts = corpus.passages(documents * passages)
    for number_ in range(documents):
        row = Document(title=f"Case {number_}", text=f"Case {number_}", format="txt")
        library.save_document(row)
        vectors = random.standard_normal((passages, embedder.dimension), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        chunks = [
            library.NewChunk(
                position=place,
                role=Chunk.Role.PASSAGE,
                title=row.title,
                heading="",
                page=None,
                text=next(texts),
                tokens=200,
                text_hash=f"{number_}-{place}",
                vector=vector.astype("<f4").tobytes(),
            )
            for place, vector in enumerate(vectors)
        ]
        library.replace_chunks(row, chunks, recipe)


# --- Reindex and start -------------------------------------------------------------------------


def _reindexes(ground: Ground) -> list[Row]:
    chunks = ground.of(10_000, 200)
    unchanged = ground.measured("benchmarks.knowledge:unchanged", ground.sites.copy(), chunks=chunks)
    folder = ground.sites.copy()
    whole, bare = ground.measured("benchmarks.knowledge:whole", folder, documents=ground.of(60, 2))
    return [
        at_most(f"reindex of {chunks:,} unchanged passages", unchanged, 2, "s"),
        at_most("whole rebuild, share of the encoder alone", whole / bare, 1.15, "×", number(bare, "s")),
    ]


def unchanged(chunks: int) -> float:
    """Seconds; eight passages a document."""
    from knowledge import ingest

    seed_documents(chunks // 8, passages=8)
    began = time.perf_counter()
    report = ingest.reindex()
    seconds = time.perf_counter() - began
    assert report.sources == 0
    return seconds


def whole(documents: int) -> tuple[float, float]:
    """Processor seconds of a rebuild of everything, and of the encoder for the same texts alone."""
    from benchmarks import ingest as bench
    from joblynk.providers import registry
    from knowledge import ingest

    bench.ours(documents)
    embedder = registry.get("embedder")
    texts = bench._stored()
    rebuilds, encodes = [], []
    for _ in range(2):
        began = _spent()
        embedder.embed(texts)
        between = _spent()
        ingest.reindex("all")
        encodes.append(between - began)
        rebuilds.append(_spent() - between)
    return min(rebuilds), min(encodes)


def _spent() -> float:
    """Processor seconds of this process and of those that it started and that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def _start(ground: Ground) -> Row:
    chunks = ground.of(100_000, 1_000)
    folder = ground.sites.copy()
    ground.measured("benchmarks.corpus:seed", folder, chunks=chunks)
    read = min(ground.measured("benchmarks.knowledge:read", folder) for _ in range(2))
    ready = min(ground.measured("benchmarks.knowledge:ready", folder) for _ in range(2))
    what = f"start with {chunks:,} passages, share of reading their vectors"
    return at_most(what, ready / read, 1.5, "×", f"{number(ready, 's')}, {number(read, 's')}")


def read() -> float:
    """Seconds to have every vector of the database in one matrix."""
    import numpy as np

    from knowledge.models import Chunk

    began = time.perf_counter()
    rows = Chunk.objects.values_list("pk", "vector").iterator(chunk_size=2_000)
    vectors = np.stack([np.frombuffer(vector, "<f4", count=384) for _, vector in rows])
    assert len(vectors)
    return time.perf_counter() - began


def ready() -> float:
    """Seconds until the search of a new process is ready; its encoder is loaded."""
    from joblynk.providers import registry
    from knowledge import search

    registry.get("embedder").embed(["warm"])
    began = time.perf_counter()
    search.warm()
    return time.perf_counter() - began


# --- Chats while much is read ------------------------------------------------------------------


def _chats(ground: Ground) -> Row:
    """In turns without and with a worker, so that other work on the machine meets both alike."""
    documents, asks = ground.of(1_000, 20), ground.of(20, 3)
    idle: list[float] = []
    busy: list[float] = []
    with ground.site("daphne") as site:
        ground.measured("benchmarks.knowledge:upload", site.var_dir, documents=documents)
        for _ in range(ground.of(4, 1)):
            idle += asyncio.run(_first_texts(site, asks))
            before = ground.measured("benchmarks.knowledge:waiting", site.var_dir)
            worker = site.start_worker()
            while ground.measured("benchmarks.knowledge:waiting", site.var_dir) == before:
                time.sleep(0.1)  # it has not begun
            busy += asyncio.run(_first_texts(site, asks))
            worker.stop()
        left = ground.measured("benchmarks.knowledge:waiting", site.var_dir)
    quiet, loud = measure.percentile(idle, 0.95), measure.percentile(busy, 0.95)
    what = f"first token p95 while {documents:,} documents are read, share of idle"
    beside = f"{number(quiet * 1000, 'ms')}, {number(loud * 1000, 'ms')}; {left:,} were left then"
    return at_most(what, loud / quiet, 2, "×", beside)


async def _first_texts(site: Served, asks: int) -> list[float]:
    """Seconds to the first text of an answer that is quoted, of several customers side by side."""
    from benchmarks.streaming import questions

    asked = questions()

    async def one(number_: int) -> list[float]:
        customer = await Customer(site.socket_url).connect()
        found = []
        for turn in range(asks + 2):
            done = await customer.ask(asked[(number_ * asks + turn) % len(asked)])
            found.append((done.first_text or done.finished) - done.at)
            await asyncio.sleep(0.2)
        await customer.close()
        return found[2:]

    told = await asyncio.gather(*(one(number_) for number_ in range(_CUSTOMERS)))
    return [seconds for customer in told for seconds in customer]


def upload(documents: int) -> int:
    """Documents as staff would upload them, all at once."""
    from knowledge import library, tasks
    from knowledge.models import Document

    texts: Any = corpus.passages(documents * _SECTIONS, seed=9)
    for number_ in range(documents):
        text = "\n\n".join(f"## Part {place}\n\n{next(texts)}" for place in range(_SECTIONS))
        row = Document(title=f"Upload {number_}", text=text)
        library.save_document(row)
        tasks.enqueue(row)
    return documents


def waiting() -> int:
    from knowledge.models import Document

    return Document.objects.exclude(state__in=["ready", "failed"]).count()
