"""The sentences of a passage beside its vector."""

from pathlib import Path

import numpy as np
import pytest

from joblynk.providers.embedding.onnx import OnnxEmbedder
from knowledge import parts
from knowledge.tests.builders import WordEmbedder

TEXT = (
    "Sessions and devices > Staying signed in\n"
    "You stay signed in for 30 days on the phone. On Starter a session of the console ends after 2 hours.\n\n"
    "- Devices can be named freely.\n- No."
)


@pytest.fixture(scope="module")
def embedder(models_dir: Path) -> OnnxEmbedder:
    return OnnxEmbedder(models_dir)


def test_sentences_and_list_items_below_the_first_line_are_parts() -> None:
    assert [TEXT[start:end] for start, end in parts.spans(TEXT)] == [
        "You stay signed in for 30 days on the phone.",
        "On Starter a session of the console ends after 2 hours.",
        "- Devices can be named freely.",
    ]


def test_a_way_to_ask_has_no_parts() -> None:
    assert parts.spans("How long do I stay signed in? And where?") == []


def test_the_sentence_that_answers_is_nearer_than_the_passage(embedder: OnnxEmbedder) -> None:
    (stored,) = parts.embed(embedder, [TEXT])
    question = embedder.embed(["when does a session of the console end on Starter"])[0]
    passage = np.frombuffer(stored, "<f4", embedder.dimension)
    np.testing.assert_allclose(passage, embedder.embed([TEXT])[0], atol=0.02)
    ((whole, part),) = parts.nearest([stored], question)
    assert whole == pytest.approx(float(passage @ question))
    assert part > whole


def test_eight_bits_keep_the_cosine_of_a_part(embedder: OnnxEmbedder) -> None:
    (stored,) = parts.embed(embedder, [TEXT])
    (exact,) = embedder.embed_parts([TEXT], [parts.spans(TEXT)])
    question = embedder.embed(["console session"])[0]
    ((_, part),) = parts.nearest([stored], question)
    assert part == pytest.approx(float((exact[1:] @ question).max()), abs=3e-3)


def test_parts_beyond_what_the_encoder_reads_are_left_out(embedder: OnnxEmbedder) -> None:
    text = "Title\n" + "This sentence is one of very many that say the same. " * 60
    (rows,) = embedder.embed_parts([text], [parts.spans(text)])
    assert 10 < int(rows.any(axis=1).sum()) < len(rows) == 25
    assert np.isfinite(rows).all()
    (stored,) = parts.embed(embedder, [text])
    assert parts.is_sound(stored, embedder.dimension)


def test_the_words_of_a_question_find_their_like_and_miss_what_is_not_there(embedder: OnnxEmbedder) -> None:
    (stored,) = parts.embed(embedder, [TEXT])
    question = parts.read(embedder, "sign in on a cellphone or a bicycle")
    assert question.words == ("sign", "in", "on", "a", "cellphone", "or", "a", "bicycle")
    near = dict(zip(question.words, parts.matches(stored, question), strict=True))
    assert near["sign"] > near["cellphone"] > near["bicycle"]
    assert question.vector == pytest.approx(
        embedder.embed(["sign in on a cellphone or a bicycle"])[0], abs=1e-5
    )


def test_a_row_of_the_version_before_is_still_read(embedder: OnnxEmbedder) -> None:
    (stored,) = parts.embed(embedder, [TEXT])
    former = stored[: (4 + 3) * embedder.dimension]  # the passage and its three sentences
    question = parts.read(embedder, "when does a session end")
    (told, again) = parts.nearest([former, stored], question.vector)
    assert told == pytest.approx(again)
    assert parts.matches(former, question) == ()
    assert parts.is_sound(former, embedder.dimension)
    assert not parts.is_sound(stored[:-1], embedder.dimension)


def test_an_encoder_without_parts_stores_the_passage_alone() -> None:
    words = WordEmbedder()
    (stored,) = parts.embed(words, [TEXT])
    assert len(stored) == 4 * words.dimension
    ((whole, part),) = parts.nearest([stored], words.embed(["phone"])[0])
    assert part == whole
    question = parts.read(words, "phone")
    assert parts.matches(stored, question) == ()
