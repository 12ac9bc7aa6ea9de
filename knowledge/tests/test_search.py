"""Search through the public door: real database, encoder and indexes."""

import asyncio
import json
import logging
import re
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError
from pytest_django import Settings

from joblynk import executors
from joblynk.providers import registry
from knowledge import following, ingest, library, search
from knowledge.models import Chunk, Document, Faq
from knowledge.tests.builders import a_document, a_faq
from knowledge.words import Worded, WordIndex

pytestmark = pytest.mark.django_db(transaction=True)

REFUNDS = """# Refunds

## How to get one

A yearly plan is refunded within 14 days. Open Billing, choose Invoices and press Ask for a refund.

## When there is none

Job advertisements that were online for more than 7 days are not refunded.
"""
ERRORS = """# Error codes

## E-1042: session expired

You were signed out after 30 minutes. Sign in again.

## E-2001: file too large

A CV may have 5 MB.
"""


@pytest.fixture(autouse=True)
def fresh_index(models_dir: Path) -> Iterator[None]:
    registry.reset()
    search.forget()
    yield
    executors.shutdown()
    search.forget()


@pytest.fixture
def guides() -> dict[str, int]:
    refunds, errors = a_document(REFUNDS), a_document(ERRORS)
    faq = a_faq(
        "How do I delete my account?",
        "Open **Settings > Account** and press *Delete*.",
        phrasings=["close my profile for good"],
    )
    ingest.reindex()
    return {"refunds": refunds.pk, "errors": errors.pk, "faq": faq.pk}


def test_a_question_finds_its_section_and_is_answerable(guides: dict[str, int]) -> None:
    findings = search.search_now("can I get my money back for the yearly plan")
    best = findings.passages[0]
    assert (best.kind, best.source_id, best.title) == ("document", guides["refunds"], "Refunds")
    assert best.heading == "How to get one"
    assert findings.answerable
    assert findings.verbatim is None
    assert [p.score for p in findings.passages] == sorted((p.score for p in findings.passages), reverse=True)


def test_another_subject_is_refused(guides: dict[str, int]) -> None:
    findings = search.search_now("how long do I boil an egg")
    assert not findings.answerable
    assert findings.confidence < 0.3


@pytest.mark.parametrize("asked", ["what does E-1042 mean", "e1042", "I see E 1042 all the time!!"])
def test_an_exact_code_finds_its_section_first(guides: dict[str, int], asked: str) -> None:
    findings = search.search_now(asked)
    assert findings.passages[0].heading == "E-1042: session expired"
    assert findings.answerable


def test_a_code_that_no_guide_holds_is_refused(guides: dict[str, int]) -> None:
    assert not search.search_now("what does E-9999 mean").answerable


def test_a_faq_asked_in_its_own_words_is_given_word_for_word(guides: dict[str, int]) -> None:
    for asked in ("How do I delete my account?", "close my profile for good"):
        verbatim = search.search_now(asked).verbatim
        assert verbatim is not None
        assert (verbatim.kind, verbatim.source_id) == ("faq", guides["faq"])
        assert verbatim.text == "Open **Settings > Account** and press *Delete*."


def test_a_typing_error_does_not_hide_the_section(guides: dict[str, int]) -> None:
    assert search.search_now("yearly plan refudn").passages[0].source_id == guides["refunds"]


def test_the_question_s_vector_comes_with_the_name_of_its_encoder(guides: dict[str, int]) -> None:
    findings = search.search_now("refund of a yearly plan")
    embedder = registry.get("embedder")
    assert findings.vector is not None
    assert findings.vector == pytest.approx(embedder.embed(["refund of a yearly plan"])[0], abs=1e-6)
    assert findings.embedder == embedder.name


def test_nothing_indexed_is_nothing_found() -> None:
    assert search.search_now("anything") == search.Findings()


def test_what_is_unpublished_or_removed_stops_answering_at_once(guides: dict[str, int]) -> None:
    assert search.search_now("refund of a yearly plan").answerable
    Document.objects.filter(pk=guides["refunds"]).update(published=False)  # no generation: index unaware
    assert guides["refunds"] not in [p.source_id for p in search.search_now("refund").passages]
    Chunk.objects.filter(faq=guides["faq"]).delete()
    findings = search.search_now("How do I delete my account?")
    assert findings.verbatim is None
    assert "faq" not in [p.kind for p in findings.passages]


def test_new_and_changed_content_is_found_without_a_restart(guides: dict[str, int]) -> None:
    search.warm()
    document = a_document("# Video interviews\n\nA recorded interview is kept for 60 days.")
    ingest.run(document.pk)
    assert search.search_now("how long is a recorded interview kept").passages[0].source_id == document.pk
    document.text = "# Video interviews\n\nRecordings are deleted after one week."
    library.save_document(document)
    ingest.run(document.pk)
    texts = [p.text for p in search.search_now("how long is a recorded interview kept").passages]
    assert texts[0] == "Recordings are deleted after one week."
    assert not any("60 days" in text for text in texts)


def test_following_the_database_gives_what_a_fresh_process_gives(guides: dict[str, int]) -> None:
    search.warm()
    for n in range(5):
        document = a_document(f"# Guide {n}\n\nThe colour of plan {n} is colour{n}.")
        ingest.run(document.pk)
        search.search_now("colour")
    library.remove("document", [document.pk])
    followed = search.search_now("colour of plan 3")
    search.forget()
    fresh = search.search_now("colour of plan 3")
    assert [p.chunk_id for p in followed.passages] == [p.chunk_id for p in fresh.passages]
    assert followed.confidence == pytest.approx(fresh.confidence, abs=0.01)


def test_what_changes_soon_after_a_change_is_followed_by_itself(guides: dict[str, int]) -> None:
    held = following.settle()
    for published in (False, True):
        library.set_published("document", [guides["refunds"]], published)
        following.keep_up()
    deadline = time.monotonic() + 30
    while held.following != library.state() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert held.following == library.state()
    assert asyncio.run(search.search("yearly plan refund")).passages[0].source_id == guides["refunds"]


async def test_many_customers_search_at_once(guides: dict[str, int]) -> None:
    found = await asyncio.gather(*(search.search("refund of a yearly plan") for _ in range(20)))
    assert {findings.passages[0].source_id for findings in found} == {guides["refunds"]}
    assert len({findings.confidence for findings in found}) == 1
    assert search.ready()


async def test_the_asynchronous_door_finds_the_same(guides: dict[str, int]) -> None:
    found = await search.search("close my profile", 2)
    now = await executors.database(search.search_now, "close my profile", 2)
    assert found == now
    assert len(found.passages) == 2


def test_it_is_ready_when_it_is_warm() -> None:
    assert not search.ready()
    search.warm()
    assert search.ready()


def test_vectors_of_another_encoder_are_not_compared(
    guides: dict[str, int], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PROVIDERS = settings.PROVIDERS | {
        "embedder": {"BACKEND": "knowledge.tests.builders.WordEmbedder", "OPTIONS": {}}
    }
    settings.FORMER_EMBEDDERS = []
    search.forget()
    with caplog.at_level(logging.ERROR):
        assert search.search_now("refund") == search.Findings()
    assert "manage.py reindex" in caplog.text


def test_the_model_before_answers_until_all_is_read_with_the_new_one(
    guides: dict[str, int], settings: Settings
) -> None:
    before = search.search_now("refund of a yearly plan").passages[0]
    settings.PROVIDERS = settings.PROVIDERS | {
        "embedder": {"BACKEND": "knowledge.tests.builders.WordEmbedder", "OPTIONS": {}}
    }
    search.forget()  # as after a restart with the new setting
    assert search.search_now("refund of a yearly plan").passages[0] == before
    ingest.run(guides["refunds"])
    assert search.search_now("refund of a yearly plan").passages[0] == before
    ingest.reindex()
    assert library.state().recipe.startswith("words/")
    assert search.search_now("refund of a yearly plan").passages[0].title == "Refunds"


def test_the_command_prints_passages_with_scores(
    guides: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("search_knowledge", "refund of a yearly plan")
    shown = capsys.readouterr().out
    assert re.match(r"Confidence [01]\.\d\d: answered\n", shown)
    assert "1. Refunds > How to get one (document" in shown
    call_command("search_knowledge", "How do I delete my account?", "--json", "--limit", "1")
    findings = json.loads(capsys.readouterr().out)
    assert findings["verbatim"]["source_id"] == guides["faq"]
    assert len(findings["passages"]) == 1


def test_a_faq_without_its_row_breaks_nothing(guides: dict[str, int]) -> None:
    search.warm()
    Faq.objects.all().delete()
    assert "faq" not in [p.kind for p in search.search_now("delete my account").passages]


def test_a_large_base_is_found_by_meaning_first_and_by_words_soon(
    guides: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = search.search_now("yearly plan refund")
    read, go_on = following._words, threading.Event()

    def slowly(chunks: Iterable[Worded]) -> WordIndex:
        assert go_on.wait(60)
        return read(chunks)

    monkeypatch.setattr(following, "WORDS_AT_ONCE", 0)
    monkeypatch.setattr(following, "_words", slowly)
    search.forget()
    search.warm()
    assert search.ready()
    by_meaning = asyncio.run(search.search("yearly plan refund"))
    assert by_meaning.passages[0].source_id == guides["refunds"]
    assert by_meaning.passages[0].lexical == 0
    meanwhile = a_document("# Interviews\n\nThe zebra interview is kept for 60 days.")
    ingest.run(meanwhile.pk)
    library.remove("document", [guides["errors"]])
    go_on.set()
    search.settle()
    assert search.search_now("zebra").passages[0].source_id == meanwhile.pk
    assert search.search_now("zebra").passages[0].lexical > 0
    assert guides["errors"] not in [p.source_id for p in search.search_now("E-1042 file too large").passages]
    after = search.search_now("yearly plan refund").passages[0]
    assert (after.chunk_id, after.lexical > 0) == (at_once.passages[0].chunk_id, True)


def test_words_are_read_again_when_the_database_fails_meanwhile(
    guides: dict[str, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read, failures = following._words, [OperationalError("gone"), OperationalError("gone")]

    def failing(chunks: Iterable[Worded]) -> WordIndex:
        if failures:
            raise failures.pop()
        return read(chunks)

    monkeypatch.setattr(following, "WORDS_AT_ONCE", 0)
    monkeypatch.setattr(following, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(following, "_words", failing)
    search.forget()
    search.settle()
    assert search.search_now("yearly plan refund").passages[0].lexical > 0
    assert caplog.text.count("reading_words_failed") == 2
