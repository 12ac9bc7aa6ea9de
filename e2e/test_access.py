"""The page for everybody: keyboard, screen reader, contrast, small screens, large text, right to left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from e2e.chat_page import ChatPage
from joblynk.testing.fake_groq import FakeGroq, answer
from joblynk.testing.sites import ROOT, Site

QUESTION = "What does E-1042 mean?"  # a FAQ, answered word for word
OPEN_QUESTION = "How do I search for jobs near my home?"  # for the model
AXE = Path(ROOT, "node_modules/axe-core/axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


def findings(page: Page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "(rules) => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES
    )
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(
    model_site: Site, model: FakeGroq, open_tab: Callable[..., Page], viewport: dict[str, int], scheme: str
) -> None:
    model.play(answer("Reload **now**. [1]\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", per_second=4))
    page = open_tab(viewport=viewport, color_scheme=scheme)
    chat = ChatPage(page, model_site.url).open()
    seen = {"empty": findings(page)}
    chat.ask(OPEN_QUESTION)
    chat.writing()
    seen["streaming"] = findings(page)
    chat.finished(1)
    chat.answers.last.locator("summary").click()
    chat.answers.last.get_by_role("button", name="Not helpful").click()
    seen["answered"] = findings(page)
    chat.answers.last.locator("button.cite").first.click()
    seen["source"] = findings(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Talk to a person").click()
    expect(chat.strip).to_contain_text("waiting for a person")
    page.get_by_role("button", name="More options").click()
    seen["waiting, menu"] = findings(page)
    page.get_by_role("menuitem", name="Start a new conversation").click()
    seen["question"] = findings(page)
    assert {state: found for state, found in seen.items() if found} == {}
    assert chat.trouble == []


def test_the_whole_way_by_keyboard(chat: ChatPage) -> None:
    page = chat.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the message field")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab") if not chat.field.evaluate("(e) => e === document.activeElement") else None
    expect(chat.field).to_be_focused()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    expect(chat.answers).to_have_count(1)
    expect(chat.field).to_be_focused()

    marker = chat.answers.locator("button.cite").first
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        if marker.evaluate("(e) => e === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Close source")).to_be_focused()
    page.keyboard.press("Enter")
    expect(marker).to_be_focused()

    page.get_by_role("button", name="More options").focus()
    page.keyboard.press("Enter")
    first = page.get_by_role("menuitem", name="Start a new conversation")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="E-mail this conversation")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Start a new conversation?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(chat.answers).to_have_count(1)


def test_a_screen_reader_hears_each_answer_begin_once_and_end_once(chat: ChatPage) -> None:
    chat.ask_and_wait(QUESTION)
    said = chat.page.locator("#announcer p")
    expect(said).to_have_count(2)
    expect(said.first).to_have_text("The assistant is answering.")
    expect(said.last).to_contain_text("E-1042")
    expect(chat.page.get_by_role("log", name="Conversation")).to_have_attribute("aria-live", "off")
    chat.page.reload()
    expect(chat.answers).to_have_count(1)
    expect(said).to_have_count(0)


@pytest.mark.parametrize(
    ("width", "font"),
    [(320, "100%"), (390, "200%"), (1280, "200%")],
    ids=["320 px", "phone 200 %", "desk 200 %"],
)
def test_nothing_is_wider_than_the_screen(
    model_site: Site, model: FakeGroq, open_tab: Callable[..., Page], width: int, font: str
) -> None:
    wide = "| plan | signed out after | keep me signed in |\n|---|---|---|\n| Team | 12 hours | 30 days |\n"
    model.play(
        answer(f"Averyveryverylongwordwithoutanybreakinitatallthatgoesonandon `{'x' * 80}` [1]\n\n{wide}")
    )
    page = open_tab(viewport={"width": width, "height": 720})
    chat = ChatPage(page, model_site.url).open()
    page.evaluate("(size) => document.documentElement.style.setProperty('font-size', size)", font)
    for _ in range(2):
        inner = page.evaluate(
            "[document.documentElement.scrollWidth, document.getElementById('log').scrollWidth]"
        )
        assert max(inner) <= width
        chat.ask_and_wait(OPEN_QUESTION)


def test_a_long_talk_makes_the_log_longer_and_not_the_page(chat: ChatPage) -> None:
    chat.ask_and_wait("Z" + "\u0334\u0321" * 500)  # marks piled up beyond the bubble
    chat.ask_and_wait("a " * 1_990)
    chat.ask_and_wait("What does E-1042 mean?")
    assert chat.page.evaluate("document.documentElement.scrollHeight - innerHeight") == 0
    piled = chat.questions.first.locator(".bubble")
    assert piled.evaluate("(bubble) => getComputedStyle(bubble).overflow") == "clip"


def test_text_from_right_to_left_reads_from_right_to_left(chat: ChatPage) -> None:
    chat.ask("שלום, איך נכנסים לחשבון?")
    assert chat.questions.last.locator(".bubble").evaluate("(e) => getComputedStyle(e).direction") == "rtl"


def test_with_reduced_motion_nothing_moves(
    model_site: Site, model: FakeGroq, open_tab: Callable[..., Page]
) -> None:
    model.play(answer("Reload now and again and again. [1]", per_second=4))
    page = open_tab(reduced_motion="reduce")
    chat = ChatPage(page, model_site.url).open()
    chat.ask(OPEN_QUESTION)
    chat.writing()
    assert page.evaluate("document.getAnimations().length") == 0
