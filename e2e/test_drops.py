"""The bad minute: connections that break, at every point, while messages are written and answered."""

import pytest
from playwright.sync_api import Page, expect

from e2e.chat_page import ChatPage, Wire, shown_messages, stored_messages
from joblynk.testing.fake_groq import FakeGroq, answer
from joblynk.testing.sites import Site

FAMILY = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
TEXT = (
    f"**Reload** the page {FAMILY} and sign in again. [1]\n\n"
    "1. Tick *Keep me signed in*.\n2. Try `again`.\n\n"
) * 4


@pytest.mark.timeout(240)
def test_drops_reloads_and_doubles_leave_the_browser_with_what_the_database_has(
    page: Page, model_site: Site, model: FakeGroq
) -> None:
    model.play(answer(TEXT, per_second=25))
    wire = Wire(page, doubled=True)
    chat = ChatPage(page, model_site.url).open()
    drops = reloads = 0
    for number in range(10):
        chat.ask(f"How do I search for jobs near my home? Part {number} {FAMILY}")
        if number % 2:
            chat.writing(20)
        wire.drop()  # in every other turn before the ack
        chat.connected()
        if number % 2:
            chat.writing(60)
            page.reload()
            reloads += 1
            chat.connected()
        chat.writing(120)
        wire.drop()
        drops += 2
        chat.finished(number + 1)

    assert (drops, reloads) == (20, 5)
    conversation = page.evaluate("window.joblynk.state().conversation")
    in_browser = shown_messages(chat.log())
    assert in_browser == stored_messages(model_site, conversation)
    assert [role for _, _, role, *_ in in_browser] == ["user", "assistant"] * 10
    assert {finish for *_, finish in in_browser[1::2]} == {"stop"}
    page.reload()
    chat.finished(10)
    assert shown_messages(chat.log()) == in_browser
    expect(chat.questions).to_have_count(10)
    expect(chat.answers).to_have_count(10)
    assert page.evaluate("window.trouble") == []


def test_messages_written_without_a_connection_arrive_once_and_in_order(
    page: Page, offline_site: Site
) -> None:
    wire = Wire(page)
    chat = ChatPage(page, offline_site.url).open()
    wire.refusing = True
    wire.drop()
    expect(chat.strip).to_contain_text("Reconnecting")
    for text in ("Hello", "What does E-1042 mean?", "Thanks"):
        chat.ask(text)
    expect(chat.questions).to_have_count(3)
    expect(chat.questions.last).to_contain_text("Not sent yet")
    page.reload()
    expect(chat.questions).to_have_count(3)
    chat.questions.nth(0).get_by_role("button", name="Delete").click()
    wire.refusing = False
    chat.finished(2)
    expect(chat.strip).to_be_hidden()
    texts = [message["text"] for message in chat.log() if message["role"] == "user"]
    assert texts == ["What does E-1042 mean?", "Thanks"]


def test_a_button_pressed_without_a_connection_takes_effect_with_the_next(
    page: Page, offline_site: Site
) -> None:
    wire = Wire(page)
    chat = ChatPage(page, offline_site.url).open()
    answered = chat.ask_and_wait("What does E-1042 mean?")
    wire.refusing = True
    wire.drop()
    expect(chat.strip).to_be_visible()
    answered.get_by_role("button", name="Helpful", exact=True).click()
    wire.refusing = False
    chat.until("() => window.joblynk.log()[1].feedback === 1")
