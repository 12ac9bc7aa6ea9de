"""Vectors in memory: real FAISS."""

import numpy as np
import pytest

from joblynk.providers.types import Vectors
from knowledge.vectors import VectorIndex

DIMENSION = 64


def some(count: int, seed: int = 1) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def an_index(ids: list[int], vectors: Vectors) -> VectorIndex:
    index = VectorIndex(DIMENSION)
    index.add(np.array(ids, np.int64), vectors)
    return index


def test_the_nearest_come_first_with_their_cosines() -> None:
    vectors = some(300)
    index = an_index(list(range(1000, 1300)), vectors)
    cosines = vectors @ vectors[7]
    found = index.nearest(vectors[7], 20)
    assert next(iter(found)) == 1007
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert found == pytest.approx({pk: cosines[pk - 1000] for pk in found}, abs=0.01)
    true = {int(place) + 1000 for place in np.argsort(-cosines)[:20]}
    assert len(true & found.keys()) >= 18


def test_sifting_by_signs_finds_the_nearest_too(monkeypatch: pytest.MonkeyPatch) -> None:
    middles = some(30, seed=2)
    vectors = middles[np.arange(3000) % 30] + 0.6 * some(3000, seed=3)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = an_index(list(range(3000)), vectors)
    index.remove(range(0, 3000, 7))
    whole = [list(index.nearest(vectors[place], 10)) for place in range(1, 40)]
    monkeypatch.setattr("knowledge.vectors._MANY", 100)
    monkeypatch.setattr("knowledge.vectors._SIFTED", 300)
    sifted = [list(index.nearest(vectors[place], 10)) for place in range(1, 40)]
    same = sum(len({*some} & {*others}) for some, others in zip(whole, sifted, strict=True))
    assert same > 0.95 * 390
    assert [found[0] for found in sifted] == [found[0] for found in whole]


def test_cosines_are_told_of_any_ids_in_any_order() -> None:
    vectors = some(50)
    index = an_index([9, 3, 700, *range(100, 147)], vectors)
    told = index.cosines(vectors[0], [700, 9, 110])
    wanted = {700: vectors[2] @ vectors[0], 9: 1.0, 110: vectors[13] @ vectors[0]}
    assert list(told) == [700, 9, 110]
    assert told == pytest.approx(wanted, abs=0.01)


def test_what_is_removed_is_gone_and_the_rest_keeps_its_ids() -> None:
    vectors = some(40)
    index = an_index(list(range(40)), vectors)
    index.remove([0, 5, 39, 12345])
    index.add(np.array([5], np.int64), vectors[:1])
    for place in (1, 4, 6, 38):
        assert next(iter(index.nearest(vectors[place], 3))) == place
    assert next(iter(index.nearest(vectors[0], 3))) == 5
    assert 0 not in index
    assert len(index.nearest(vectors[0], 100)) == 38


def test_a_number_that_is_too_large_is_cut_off() -> None:
    small = np.full((4, DIMENSION), DIMENSION**-0.5, np.float32)
    index = an_index([1, 2, 3, 4], small)
    large = np.zeros((1, DIMENSION), np.float32)
    large[0, 3] = 1.0
    index.add(np.array([9], np.int64), large)
    assert next(iter(index.nearest(large[0], 5))) == 9


def test_nothing_is_nearest_where_nothing_is() -> None:
    index = VectorIndex(DIMENSION)
    assert index.nearest(some(1)[0], 5) == {}
    index.add(np.empty(0, np.int64), np.empty((0, DIMENSION), np.float32))
    assert index.cosines(some(1)[0], []) == {}
