"""The answerer that quotes."""

import re

from joblynk.providers.llm.offline import OfflineLLM, quote
from joblynk.providers.types import AnswerRequest, Finished, Grounding, TextDelta

FILLER = "The help centre has articles about profiles, alerts, interviews and plans for every team. " * 6
STEPS = f"{FILLER}\n\nTo export your data:\n\n1. Open Settings.\n2. Choose Privacy.\n3. Press Export my data."
EXPORT = Grounding(1, "document", "Your data", "Export", STEPS)
DELETE = Grounding(2, "faq", "How do I delete my account?", "", "Open Settings > Account and press Delete.")
CODES = Grounding(
    3, "document", "Codes", "", f"{FILLER}\n\n| Code | Cause |\n|---|---|\n| E-1 | Clock |\n| E-2 | Cable |"
)


def test_the_section_with_the_steps_is_quoted_whole_after_its_best_sentence() -> None:
    answer = quote("how can I export my data", [EXPORT, DELETE])
    lead, rest = answer.split("\n\n", 1)
    assert "export" in lead.lower()
    assert lead.endswith("[1]")
    assert STEPS + " [1]" in rest


def test_a_short_passage_needs_no_lead() -> None:
    answer = quote("delete account", [DELETE])
    assert answer == f"From *{DELETE.title}*:\n\n{DELETE.text} [2]"


def test_the_next_best_passages_add_their_best_lines() -> None:
    answer = quote("what is code E-2", [DELETE, CODES])
    assert "Also from *Codes*:" in answer
    assert "Code: E-2; Cause: Cable" in answer
    assert answer.endswith("[3]")


def test_no_marker_ends_up_inside_a_table_or_code() -> None:
    table = quote("code", [CODES])
    assert table.endswith("| E-2 | Cable |\n\n[3]")
    code = Grounding(1, "document", "Feed", "", "```xml\n<job/>\n```")
    assert quote("feed", [code]).endswith("```\n\n[1]")


def test_numbers_in_brackets_in_a_guide_do_not_pass_for_citations() -> None:
    sly = Grounding(
        1, "document", "Notes [2]", "", "As the study says [3], and 【2†L1】 too. See [4](https://x.example)."
    )
    markers = re.findall(r"\[(\d+)\](?!\()", quote("study", [sly]))
    assert set(markers) == {"1"}


def test_two_pieces_of_one_section_are_joined() -> None:
    second = Grounding(2, "document", EXPORT.title, EXPORT.heading, "4. Wait for the e-mail.")
    assert "4. Wait for the e-mail. [2]" in quote("export data", [EXPORT, second])


def test_without_passages_there_is_nothing_to_quote() -> None:
    assert quote("anything", []) == ""


async def test_the_stream_is_the_quotation_and_one_end() -> None:
    request = AnswerRequest("export my data", (EXPORT, DELETE, CODES), ())
    events = [event async for event in OfflineLLM().stream(request)]
    assert events[-1] == Finished("stop", "offline")
    deltas = [event for event in events[:-1] if isinstance(event, TextDelta)]
    assert len(deltas) == len(events) - 1 > 2
    assert "".join(delta.text for delta in deltas) == quote("export my data", request.grounding)


def test_who_asks_about_a_code_is_told_of_no_other_and_of_nothing_twice() -> None:
    heading = "E-2007: no readable text"
    best = Grounding(1, "document", "Codes", heading, "Cause: The CV is a scan.\nRemedy: Export it anew.")
    other = Grounding(2, "document", "Codes", "E-2003: too large", "Cause: The file is too large.")
    again = Grounding(3, "faq", "Why E-2007?", "", "The CV is a scan. Export it anew.")
    more = Grounding(
        4, "document", "Upload", "", f"{FILLER}\n\n- Too large (E-2003).\n- Only pictures (E-2007): print it."
    )
    answer = quote("E-2007 what does it mean", [best, other, again, more])
    assert answer == (
        f"From *Codes: {heading}*:\n\n{best.text} [1]\n\n"
        "Also from *Upload*:\n\n- Only pictures (E-2007): print it. [4]"
    )
