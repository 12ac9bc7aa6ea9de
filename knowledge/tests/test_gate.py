"""The decision whether the passages answer."""

from dataclasses import replace

import pytest

from knowledge import gate
from knowledge.gate import Hit, Question

QUESTION = Question({"refund": 4.0, "plan": 2.0}, 20.0, unknown_code=False)
NEAR = Hit(0.62, 0.6, 0.66, 12.0, 0.0, False, ("refund", "yearli", "plan"))
FAR = Hit(0.2, 0.2, 0.22, 1.0, 0.0, False, ("other",))
ASKED = NEAR._replace(score=0.9, phrasing=0.93)


def test_a_near_passage_that_holds_the_words_answers() -> None:
    verdict = gate.decide(QUESTION, [NEAR, FAR])
    assert verdict.answerable
    assert gate.THRESHOLD < verdict.confidence < 1
    assert verdict.verbatim is None


def test_a_word_that_no_passage_comes_near_to_speaks_against_an_answer() -> None:
    question = replace(QUESTION, weights=(4.0, 0.0, 2.0))
    there = [NEAR._replace(matches=(0.9, 0.1, 0.9)), FAR]
    missing = [NEAR._replace(matches=(0.3, 0.9, 0.9)), FAR._replace(matches=(0.2, 0.2, 0.2))]
    assert gate.decide(question, there).confidence > gate.decide(question, missing).confidence
    assert gate.signs(question, missing).meant == pytest.approx((4 * 0.3 + 2 * 0.9) / 6)


def test_a_far_one_does_not() -> None:
    assert not gate.decide(QUESTION, [FAR, FAR]).answerable


def test_nothing_found_is_no_answer() -> None:
    assert gate.decide(QUESTION, []) == gate.Verdict(0.0, False, None)


@pytest.mark.parametrize(
    "worse",
    [
        NEAR._replace(score=0.5),
        NEAR._replace(part=0.3),
        NEAR._replace(lexical=2.0),
        NEAR._replace(terms=("yearli",)),
    ],
)
def test_every_sign_that_weakens_lowers_the_confidence(worse: Hit) -> None:
    assert gate.decide(QUESTION, [worse, FAR]).confidence < gate.decide(QUESTION, [NEAR, FAR]).confidence


def test_a_rival_lowers_the_confidence() -> None:
    assert gate.decide(QUESTION, [NEAR, NEAR]).confidence < gate.decide(QUESTION, [NEAR, FAR]).confidence


def test_a_code_that_is_found_is_an_answer_and_a_missing_one_is_none() -> None:
    assert gate.decide(QUESTION, [FAR._replace(coded=True), FAR]).answerable
    assert not gate.decide(replace(QUESTION, unknown_code=True), [NEAR, FAR]).answerable


def test_only_a_faq_asked_in_nearly_these_words_is_given_word_for_word() -> None:
    assert gate.decide(QUESTION, [ASKED, FAR]).verbatim == 0
    assert gate.decide(QUESTION, [ASKED._replace(phrasing=0.8), FAR]).verbatim is None
    assert gate.decide(QUESTION, [ASKED, FAR._replace(phrasing=0.92)]).verbatim is None
    assert gate.decide(QUESTION, [NEAR, ASKED._replace(score=0.5)]).verbatim is None


def test_a_question_without_content_words_is_judged_on_what_it_has() -> None:
    class Words:
        def terms(self, text: str) -> list[str]:
            return text.split()

        def rarity(self, term: str) -> float:
            return 1.0

        def unknown_codes(self, text: str) -> set[str]:
            return set()

    assert Question.read("how do i", Words()).content == {"how": 1.0, "do": 1.0, "i": 1.0}
    assert set(Question.read("how do i pay", Words()).content) == {"pay"}
    assert gate.signs(Question.read("", Words()), [NEAR]).held == 0
