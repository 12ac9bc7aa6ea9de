"""Ninety questions about the demo help centre, asked of the whole assistant, offline.

Sixty have an answer: the shown text must hold the fact, and one of its cited sources must be a right one.
Thirty have none: they must be refused.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from django.core.management import call_command

from chat import wiring
from chat.assistant import pipeline
from chat.assistant.events import Answered, Sources
from chat.assistant.services import Turn
from joblynk import executors
from knowledge import search

QUESTIONS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "data" / "demo_questions.json").read_text(encoding="utf-8")
)
ANSWERED_OF_60 = 54
REFUSED_OF_30 = 27

pytestmark = [pytest.mark.content, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def demo_content(transactional_db: None, models_dir: Path) -> Iterator[None]:
    search.forget()
    call_command("load_demo", verbosity=0)
    yield
    executors.shutdown()
    search.forget()


@pytest_asyncio.fixture
async def asked(demo_content: None) -> dict[str, tuple[Answered, Sources]]:
    """Every question's ending and sources."""
    services = wiring.services()
    endings = {}
    for question in QUESTIONS["answerable"] + QUESTIONS["unanswerable"]:
        events = [event async for event in pipeline.answer(Turn(question["question"]), services)]
        ending = events[-1]
        assert isinstance(ending, Answered), question
        sources = next((e for e in reversed(events) if isinstance(e, Sources)), Sources(()))
        endings[question["id"]] = (ending, sources)
    return endings


async def test_questions_about_the_content_are_answered_and_others_refused(
    asked: dict[str, tuple[Answered, Sources]],
) -> None:
    wrong = [why for question in QUESTIONS["answerable"] if (why := _wrong(question, *asked[question["id"]]))]
    answered = [
        f"{question['id']} {question['question']!r} was answered: {asked[question['id']][0].text[:80]!r}"
        for question in QUESTIONS["unanswerable"]
        if asked[question["id"]][0].finish != "no_answer"
    ]
    right, refused = 60 - len(wrong), 30 - len(answered)
    report = f"{right} of 60 answered rightly, {refused} of 30 refused\n" + "\n".join(wrong + answered)
    assert right >= ANSWERED_OF_60, report
    assert refused >= REFUSED_OF_30, report


def _wrong(question: dict[str, Any], ending: Answered, sources: Sources) -> str:
    name = f"{question['id']} {question['question']!r}"
    if ending.finish == "no_answer":
        return f"{name} was refused (confidence {ending.confidence:.2f})"
    if not any(fact.lower() in ending.text.lower() for fact in question["fact"]):
        return f"{name} lacks {question['fact']}: {ending.text[:120]!r}"
    cited = {passage.title for passage in sources.passages if passage.number is not None}
    if not cited & set(question["sources"]):
        return f"{name} cites {sorted(cited)} instead of {question['sources']}"
    return ""
