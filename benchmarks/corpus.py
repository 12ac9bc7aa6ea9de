"""A knowledge base of any size out of the demo articles' sentences, with vectors that spread like real ones.

Texts and vectors do not belong together: what is measured is what a search costs, not what it finds.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice

import numpy as np

from joblynk.providers import registry
from joblynk.testing.sites import ROOT
from knowledge import ingest, library, parts
from knowledge.chunking import embed_text
from knowledge.models import Chunk, Document

PER_DOCUMENT = 250
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_READ = 50  # passages whose sentences and words are read, to be stored with all
_SPREAD = 1.0  # length of the noise beside a sentence's own vector, which has length 1


@cache
def sentences() -> list[str]:
    folder = ROOT / "knowledge" / "demo" / "articles"
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))]
    found = [sentence.strip() for text in texts for sentence in _SENTENCE.split(text)]
    return [sentence for sentence in found if 30 < len(sentence) < 300]


def passages(count: int, seed: int = 7) -> Iterator[str]:
    """Texts of about 200 word pieces."""
    random = np.random.default_rng(seed)
    pool = sentences()
    for number in range(count):
        chosen = random.choice(len(pool), size=9)
        yield f"Case {number}. " + " ".join(pool[place] for place in chosen)


def seed(chunks: int) -> None:
    """Fill the database of this process."""
    embedder = registry.get("embedder")
    recipe = ingest.recipe(embedder)
    random = np.random.default_rng(11)
    known = embedder.embed(sentences()[:400])
    read = parts.embed(embedder, [embed_text("Cases", "Part", text) for text in passages(_READ, seed=3)])
    tails = [row[4 * embedder.dimension :] for row in read]
    texts = passages(chunks)
    for start in range(0, chunks, PER_DOCUMENT):
        size = min(PER_DOCUMENT, chunks - start)
        noise = random.standard_normal((size, embedder.dimension), np.float32)
        noise *= _SPREAD / np.linalg.norm(noise, axis=1, keepdims=True)
        vectors = known[random.integers(0, len(known), size)] + noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        document = Document(title=f"Collected cases {start}", text=f"Cases from {start}", format="txt")
        library.save_document(document)
        rows = [
            library.NewChunk(
                position=place,
                role=Chunk.Role.PASSAGE,
                title=document.title,
                heading=f"Part {place}",
                page=None,
                text=text,
                tokens=200,
                text_hash=f"{start + place:x}",
                vector=np.ascontiguousarray(vector, "<f4").tobytes() + tails[place % _READ],
            )
            for place, (text, vector) in enumerate(zip(islice(texts, size), vectors, strict=True))
        ]
        library.replace_chunks(document, rows, recipe)
