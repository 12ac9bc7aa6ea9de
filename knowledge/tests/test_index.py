"""The index in memory: real FAISS, real tantivy."""

from typing import Any

import numpy as np
import pytest

from knowledge.index import Candidate, PassageIndex
from knowledge.library import IndexedChunk
from knowledge.tests.builders import WordEmbedder
from knowledge.words import codes

EMBEDDER = WordEmbedder()
COUNT = 10
NEARLY = 5e-3  # vectors are kept in 8 bits


def a_chunk(chunk_id: int, text: str, source: str = "", role: str = "passage") -> IndexedChunk:
    vector = EMBEDDER.embed([text])[0]
    return IndexedChunk(chunk_id, source or f"d{chunk_id}", role, "", "", text, vector)


def an_index(*chunks: IndexedChunk) -> PassageIndex:
    index = PassageIndex(EMBEDDER.dimension)
    index.update(chunks)
    return index


def candidates(index: PassageIndex, text: str, meant: str = "") -> list[Candidate]:
    vector = EMBEDDER.embed([meant or text])[0]
    return index.candidates(vector, index.words.search(text, COUNT), COUNT)


def found(index: PassageIndex, text: str) -> list[int]:
    return [c.chunk_id for c in sorted(candidates(index, text), key=lambda c: (-c.cosine, -c.lexical))]


def test_an_empty_index_finds_nothing() -> None:
    assert found(an_index(), "anything") == []


def test_the_nearest_passage_comes_with_its_cosine() -> None:
    index = an_index(a_chunk(1, "refund of a plan"), a_chunk(2, "delete an account"))
    question = EMBEDDER.embed(["refund plan"])[0]
    best = max(candidates(index, "refund plan"), key=lambda c: c.cosine)
    assert best.chunk_id == 1
    assert best.cosine == pytest.approx(EMBEDDER.embed(["refund of a plan"])[0] @ question, abs=NEARLY)


def test_words_are_found_in_other_forms() -> None:
    index = an_index(a_chunk(1, "Refunds are paid within days"), a_chunk(2, "Deleting accounts"))
    (candidate,) = [c for c in candidates(index, "refunding", "x") if c.lexical]
    assert candidate.chunk_id == 1


def test_a_way_to_ask_counts_for_the_passage_of_its_faq() -> None:
    index = an_index(
        a_chunk(1, "Press delete in the settings", "f7"),
        a_chunk(2, "get rid of my profile", "f7", "phrasing"),
        a_chunk(3, "Something else"),
    )
    by_id = {c.chunk_id: c for c in candidates(index, "get rid of my profile")}
    assert set(by_id) == {1, 3}
    assert by_id[1].phrasing == pytest.approx(1.0, abs=NEARLY)
    assert by_id[1].lexical > 0
    assert by_id[3].phrasing == 0


def test_two_near_ways_to_ask_say_more_than_one() -> None:
    index = an_index(
        a_chunk(1, "Press delete", "f7"),
        a_chunk(2, "delete my profile", "f7", "phrasing"),
        a_chunk(3, "remove my profile", "f7", "phrasing"),
        a_chunk(4, "what does it cost", "f7", "phrasing"),
    )
    (candidate,) = candidates(index, "delete my profile")
    one, other = EMBEDDER.embed(["delete my profile", "remove my profile"])
    second = float(one @ other)
    assert candidate.phrasing == pytest.approx(1.0, abs=NEARLY)
    assert candidate.asked == pytest.approx((1.0 + second) / 2, abs=NEARLY)


def test_a_way_to_ask_whose_passage_is_gone_is_not_found() -> None:
    index = an_index(a_chunk(1, "Answer", "f7"), a_chunk(2, "the question", "f7", "phrasing"))
    index.update([], [1])
    assert found(index, "the question") == []


def test_what_is_removed_is_gone_and_what_is_replaced_is_new() -> None:
    index = an_index(*(a_chunk(n, f"word{n} text") for n in range(1, 40)))
    index.update([a_chunk(5, "another thing")], [7, 7, 12345])
    assert len(index) == 38
    assert 7 not in found(index, "word7 text")
    assert index.words.search("word7", COUNT).scores == {}
    assert index.words.search("word5", COUNT).scores == {}
    assert found(index, "another thing")[0] == 5
    assert found(index, "word33 text")[0] == 33


def test_words_are_found_although_they_are_updated_in_the_middle_of_a_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = an_index(*(a_chunk(n, f"refund word{n}") for n in range(8))).words
    before = words.search("refund", COUNT).scores
    searcher = words._searcher

    class Interrupted:
        fast_field_values = searcher.fast_field_values

        def search(self, *asked: Any, **more: Any) -> Any:
            found = searcher.search(*asked, **more)
            words.update([a_chunk(20, "another")], range(8))
            return found

    monkeypatch.setattr(words, "_searcher", Interrupted())
    assert words.search("refund", COUNT).scores == before


def test_following_changes_gives_the_same_as_building_anew() -> None:
    chunks = [a_chunk(n, f"topic{n % 7} item{n}") for n in range(1, 60)]
    grown = PassageIndex(EMBEDDER.dimension)
    for chunk in chunks:
        grown.update([chunk])
    grown.update([], range(20, 30))
    built = an_index(*(c for c in chunks if not 20 <= c.chunk_id < 30))
    for n in (1, 25, 59):
        assert found(grown, f"topic{n % 7} item{n}")[:3] == found(built, f"topic{n % 7} item{n}")[:3]


def test_what_follows_the_passage_in_a_stored_vector_is_left_alone() -> None:
    chunk = a_chunk(1, "refund")
    index = an_index(chunk._replace(vector=np.concatenate([chunk.vector, np.ones(16, np.float32)])))
    assert found(index, "refund") == [1]


@pytest.mark.parametrize("written", ["E-1042", "e1042", "E 1042", "e_1042", "«E-1042»"])
def test_a_code_is_found_however_it_is_written(written: str) -> None:
    index = an_index(a_chunk(1, "E-1042: session expired"), a_chunk(2, "E-1043: too many"))
    assert [c.chunk_id for c in candidates(index, f"what is {written}") if c.coded] == [1]


def test_a_code_of_a_known_family_that_nothing_holds_is_told() -> None:
    words = an_index(a_chunk(1, "E-1042: session expired")).words
    assert words.unknown_codes("E-9999 and COVID-19") == {"e9999"}


def test_years_and_sizes_are_no_codes() -> None:
    assert codes("in 2019, since May 2024, 10 MB, v2, x264a") == set()


def test_rarity_falls_with_the_number_of_chunks_that_hold_a_word() -> None:
    words = an_index(a_chunk(1, "job offer"), a_chunk(2, "job alert"), a_chunk(3, "job")).words
    assert words.rarity("job") < words.rarity("alert") < words.rarity("absent")
