"""The real packaged model, the real export, onnxruntime and sentence-transformers."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from django.core.exceptions import ImproperlyConfigured

from joblynk.providers.embedding import export
from joblynk.providers.embedding.onnx import OnnxEmbedder
from joblynk.providers.embedding.sentence_transformers import SentenceTransformerEmbedder

TEXTS = [
    "How do I change my password?",
    "Set a new password under Account > Security.",
    "The invoice is sent by e-mail on the first working day of the month. " * 8,
    "x",
    "",
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "models"
    assert export.ensure_exported(folder)
    return folder


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "models"))


def test_the_packaged_weights_are_the_published_ones() -> None:
    assert (export.packaged_model() / "model.safetensors").stat().st_size > 80_000_000


def test_exported_vectors_are_close_to_the_original_ones(exported: Path) -> None:
    fast, original = OnnxEmbedder(exported), SentenceTransformerEmbedder(export.packaged_model())
    cosines = np.sum(fast.embed(TEXTS[:3]) * original.embed(TEXTS[:3]), axis=1)
    assert cosines.mean() >= 0.99
    assert (fast.dimension, fast.max_tokens) == (original.dimension, original.max_tokens)
    assert all(fast.count_tokens(text) == original.count_tokens(text) for text in TEXTS)


def test_vectors_are_rows_of_length_one_in_the_order_of_the_texts(exported: Path) -> None:
    embedder = OnnxEmbedder(exported)
    many = embedder.embed(TEXTS * 3)
    assert many.shape == (15, 384)
    assert many.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(many, axis=1), 1.0, atol=1e-5)
    for row, text in enumerate(TEXTS):
        # The scale of 8-bit activations belongs to a batch, so neighbours change a vector a little.
        assert many[row] @ embedder.embed([text])[0] > 0.97


def test_no_text_gives_no_vector(exported: Path) -> None:
    assert OnnxEmbedder(exported).embed([]).shape == (0, 384)


def test_text_over_the_limit_is_cut_and_not_counted_short(exported: Path) -> None:
    embedder = OnnxEmbedder(exported)
    long = "word " * 1_000
    assert embedder.count_tokens(long) == 1_000
    cut = "word " * embedder.max_tokens
    assert embedder.embed([long])[0] @ embedder.embed([cut])[0] > 0.9999


def test_a_whole_export_is_kept_and_checked_in_an_instant(exported: Path) -> None:
    before = (exported / "model.onnx").stat().st_mtime_ns
    started = time.perf_counter()
    assert not export.ensure_exported(exported)
    assert time.perf_counter() - started < 0.2  # 17 ms on the machine that this was written on
    assert (exported / "model.onnx").stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "manifest.json"])
def test_a_missing_cut_or_changed_file_makes_the_export_unusable(copied: Path, name: str) -> None:
    assert export.is_whole(copied)
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[: len(content) // 2])
    assert not export.is_whole(copied)
    (copied / name).unlink()
    assert not export.is_whole(copied)
    (copied / name).write_bytes(content)
    assert export.is_whole(copied)


def test_a_damaged_export_is_made_again(copied: Path) -> None:
    with (copied / "model.onnx").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\0" * 64)
    lines: list[str] = []
    assert export.ensure_exported(copied, lines.append)
    assert len(lines) == 2
    assert export.is_whole(copied)
    assert [path.name for path in copied.parent.iterdir() if path.is_dir()] == ["models"]


def test_an_export_of_other_weights_is_not_trusted(copied: Path) -> None:
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["weights_sha256"] = "0" * 64
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert not export.is_whole(copied)


def test_without_an_export_the_error_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"manage\.py setup"):
        OnnxEmbedder(tmp_path).embed(["x"])


def test_serving_never_imports_torch(exported: Path) -> None:
    program = (
        "import sys; from joblynk.providers.embedding.onnx import OnnxEmbedder;"
        f"OnnxEmbedder({str(exported)!r}).embed(['hello', 'x ' * 300]);"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'sentence_transformers')))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, cwd=Path.cwd())
    assert done.returncode == 0
