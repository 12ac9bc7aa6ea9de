"""Passages a second from text to stored vectors, beside the encoders alone."""

import time
from typing import Any

from benchmarks import corpus
from benchmarks.ground import Ground
from benchmarks.report import Row, at_least, number

_BATCH = 32  # what sentence-transformers takes by default


def rows(ground: Ground) -> list[Row]:
    folder = ground.sites.copy()
    documents = ground.of(24, 2)
    found: dict[str, float] = {
        name: ground.measured(f"benchmarks.ingest:{name}", folder, documents=documents)
        for name in ("ours", "bare", "plain")
    }
    beside = f"bare ONNX {number(found['bare'], '/s')}, sentence-transformers {number(found['plain'], '/s')}"
    return [
        Row("ingest, passages of about 200 word pieces", number(found["ours"], "/s"), beside),
        at_least("  share of sentence-transformers", found["ours"] / found["plain"], 3, "×"),
        at_least("  share of the bare ONNX encode", found["ours"] / found["bare"], 0.85, "×"),
    ]


def _texts(documents: int) -> list[str]:
    """Articles of 16 sections, each one passage."""
    texts = list(corpus.passages(documents * 16, seed=3))
    return [
        "\n\n".join(f"## Part {place}\n\n{text}" for place, text in enumerate(texts[start : start + 16]))
        for start in range(0, len(texts), 16)
    ]


def ours(documents: int) -> float:
    """Read, cut, embed, store and switch to it, as a reindex does."""
    from joblynk.providers import registry
    from knowledge import ingest, library
    from knowledge.models import Document

    for place, text in enumerate(_texts(documents)):
        library.save_document(Document(title=f"Article {place}", text=text, format="md"))
    registry.get("embedder").embed(
        [" ".join(corpus.sentences()[:9])] * 8
    )  # loaded beforehand, as for the others
    began = time.perf_counter()
    report = ingest.reindex()
    return report.embedded / (time.perf_counter() - began)


def _stored() -> list[str]:
    """The passages of `ours`, as they were embedded."""
    from knowledge import library
    from knowledge.chunking import embed_text

    return [embed_text(chunk.title, chunk.heading, chunk.text) for chunk in library.changes_since(0).added]


def bare(documents: int) -> float:
    """onnxruntime and tokenizers in a loop of the least code, texts of like length together."""
    import numpy as np
    import onnxruntime
    from django.conf import settings
    from tokenizers import Tokenizer

    session = onnxruntime.InferenceSession(str(settings.ONNX_DIR / "model.onnx"))
    tokenizer = Tokenizer.from_file(str(settings.ONNX_DIR / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()

    def encode(texts: list[str]) -> Any:
        encoded = tokenizer.encode_batch(texts)
        ids = np.array([one.ids for one in encoded], np.int64)
        mask = np.array([one.attention_mask for one in encoded], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = session.run(None, inputs)
        vectors = (states * mask[..., None]).sum(axis=1)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return _rate(encode, documents)


def plain(documents: int) -> float:
    from sentence_transformers import SentenceTransformer

    from joblynk.providers.embedding.export import packaged_model

    model = SentenceTransformer(str(packaged_model()), device="cpu")
    return _rate(lambda texts: model.encode(texts, batch_size=_BATCH, show_progress_bar=False), documents)


def _rate(encode: Any, documents: int) -> float:
    texts = sorted(_stored(), key=len, reverse=True)
    encode(texts[:8])
    began = time.perf_counter()
    for start in range(0, len(texts), _BATCH):
        encode(texts[start : start + _BATCH])
    return len(texts) / (time.perf_counter() - began)
