"""A customer at the page, in a real browser."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, WebSocketRoute, expect

from e2e.chat_page import ChatPage
from joblynk.testing.fake_groq import FakeGroq, answer, failure
from joblynk.testing.sites import Site, Sites

QUESTION = "What does E-1042 mean?"  # a FAQ, answered word for word
OPEN_QUESTION = "How do I search for jobs near my home?"  # for the model
LONG = "Reload the page and sign in again. [1] " * 12


def at_pace(model: FakeGroq, per_second: float = 40, first: float = 0.0) -> None:
    model.play(answer(LONG, per_second=per_second, first=first))


def test_an_answer_streams_with_sources_that_open(chat: ChatPage) -> None:
    expect(chat.page.get_by_role("heading", name="Hello")).to_be_visible()
    answered = chat.ask_and_wait(QUESTION)
    expect(answered).to_contain_text("E-1042")
    expect(chat.page.get_by_role("heading", name="Hello")).to_be_hidden()

    marker = answered.locator("button.cite").first
    marker.click()
    passage = chat.page.get_by_role("dialog")
    expect(passage.locator("blockquote")).not_to_be_empty()
    expect(passage.get_by_role("button", name="Close source")).to_be_focused()
    chat.page.keyboard.press("Escape")
    expect(passage).to_be_hidden()
    expect(marker).to_be_focused()

    answered.locator("summary").click()
    expect(answered.locator(".sources blockquote").first).to_be_visible()
    assert chat.trouble == []


def test_what_the_guides_do_not_know_is_refused_with_a_way_on(chat: ChatPage) -> None:
    question = "How do I bake sourdough bread?"
    refused = chat.ask_and_wait(question)
    expect(refused.locator(".sources")).to_have_count(0)
    refused.get_by_role("button", name="Try other words").click()
    expect(chat.field).to_be_focused()
    expect(chat.field).to_have_value(question)
    refused.get_by_role("button", name="Ask a person").click()
    expect(chat.strip).to_contain_text("waiting for a person")
    chat.strip.get_by_role("button", name="Cancel").click()
    expect(chat.strip).to_be_hidden()


def test_a_reload_in_mid_answer_loses_nothing(page: Page, model_site: Site, model: FakeGroq) -> None:
    at_pace(model)
    chat = ChatPage(page, model_site.url).open()
    chat.ask(OPEN_QUESTION)
    chat.writing(20)
    page.reload()
    chat.writing(20)
    chat.finished(1)
    assert [message["role"] for message in chat.log()] == ["user", "assistant"]
    assert chat.log()[1]["finish"] == "stop"
    expect(chat.answers).to_have_count(1)
    assert chat.trouble == []


def test_stop_before_the_first_word_keeps_the_question(page: Page, model_site: Site, model: FakeGroq) -> None:
    at_pace(model, first=5)
    chat = ChatPage(page, model_site.url).open()
    chat.ask(OPEN_QUESTION)
    expect(chat.live).to_have_count(1)
    page.wait_for_timeout(600)  # a stop right after sending counts as a double click
    chat.stop.click()
    expect(chat.answers).to_contain_text("Stopped")
    assert [message["finish"] for message in chat.log()] == [None, "stopped"]
    expect(chat.send).to_be_visible()


def test_stop_in_mid_answer_keeps_what_was_written_also_after_a_reload(
    page: Page, model_site: Site, model: FakeGroq
) -> None:
    at_pace(model)
    chat = ChatPage(page, model_site.url).open()
    chat.ask(OPEN_QUESTION)
    chat.writing(30)
    page.reload()
    chat.writing(30)
    chat.stop.press("Enter")
    expect(chat.field).to_be_focused()
    expect(chat.answers).to_contain_text("Stopped")
    stopped = chat.log()[1]
    assert LONG.startswith(stopped["text"].strip()[:30])
    assert len(stopped["text"]) < len(LONG)


def test_trying_again_replaces_the_answer(page: Page, model_site: Site, model: FakeGroq) -> None:
    at_pace(model, per_second=0)
    chat = ChatPage(page, model_site.url).open()
    chat.ask_and_wait(OPEN_QUESTION)
    first = chat.log()[1]["id"]
    chat.answers.last.get_by_role("button", name="Try again").click()
    chat.until("(id) => !window.joblynk.log().some((m) => m.id === id)", first)
    chat.finished(1)
    expect(chat.answers).to_have_count(1)


def test_an_answer_lost_with_its_server_is_closed_and_can_be_tried_again(
    page: Page, model_site: Site, model: FakeGroq
) -> None:
    at_pace(model, per_second=5)
    chat = ChatPage(page, model_site.url).open()
    chat.ask(OPEN_QUESTION)
    chat.writing(5)
    model_site.kill()
    model_site.start()
    at_pace(model, per_second=0)
    failed = chat.answers.last
    # The next process closes it when the lease of the killed one has run out.
    expect(failed).to_contain_text("cut off")
    failed.get_by_role("button", name="Retry").click()
    chat.finished(1)
    expect(chat.answers).to_have_count(1)
    expect(chat.answers.last).to_contain_text("Reload the page")


def test_a_customer_who_waits_for_a_person_can_leave_an_address(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="Talk to a person").click()
    expect(chat.strip).to_contain_text("waiting for a person")
    chat.strip.get_by_role("button", name="Leave your e-mail").click()
    dialog = chat.page.get_by_role("dialog", name="Where may we answer you?")
    dialog.get_by_role("textbox").fill("ada@example.com")
    dialog.get_by_role("button", name="Save the address").click()
    log = chat.page.get_by_role("log", name="Conversation")
    expect(log.get_by_text("the answer goes to ada@example.com")).to_be_visible()
    assert chat.trouble == []


def test_without_the_model_the_guides_are_quoted_and_say_so(
    page: Page, model_site: Site, model: FakeGroq
) -> None:
    model.play(failure(503))
    chat = ChatPage(page, model_site.url).open()
    answered = chat.ask_and_wait(OPEN_QUESTION)
    expect(answered).to_contain_text("Quoted from our guides")


def test_two_tabs_are_in_step(page: Page, model_site: Site, model: FakeGroq) -> None:
    at_pace(model)
    one = ChatPage(page, model_site.url).open()
    two = ChatPage(page.context.new_page(), model_site.url).open()
    one.ask(OPEN_QUESTION)
    two.writing(20)
    expect(two.questions).to_contain_text(OPEN_QUESTION)
    one.finished(1)
    two.finished(1)
    assert one.log() == two.log()

    one.page.get_by_role("button", name="More options").click()
    one.page.get_by_role("menuitem", name="Start a new conversation").click()
    one.page.get_by_role("button", name="Start a new one").click()
    expect(one.page.get_by_role("heading", name="Hello")).to_be_visible()
    two.page.get_by_role("button", name="Start a new conversation").click()
    expect(two.page.get_by_role("heading", name="Hello")).to_be_visible()
    for tab in (one, two):
        tab.until("() => window.joblynk.state().conversation !== null")
    conversations = {tab.page.evaluate("window.joblynk.state().conversation") for tab in (one, two)}
    assert len(conversations) == 1


def test_the_log_sticks_to_its_end_only_for_a_reader_who_is_there(
    page: Page, model_site: Site, model: FakeGroq
) -> None:
    at_pace(model, per_second=0)
    chat = ChatPage(page, model_site.url).open()
    for _ in range(3):
        chat.ask_and_wait(OPEN_QUESTION)
    below = "(log) => log.scrollHeight - log.scrollTop - log.clientHeight"
    log = page.locator("#log")
    assert log.evaluate(below) <= 1
    at_pace(model, first=1)
    chat.ask(OPEN_QUESTION)
    expect(chat.live).to_have_count(1)
    log.evaluate("(log) => (log.scrollTop = 0)")
    chat.finished(4)
    assert log.evaluate("(log) => log.scrollTop") == 0


def test_feedback_survives_a_reload(chat: ChatPage) -> None:
    answered = chat.ask_and_wait(QUESTION)
    answered.get_by_role("button", name="Not helpful").click()
    answered.get_by_role("button", name="Out of date").click()
    answered.get_by_role("textbox", name="Comment").fill("The name changed.")
    answered.get_by_role("button", name="Send").click()
    expect(answered.get_by_role("group", name="What went wrong?")).to_be_hidden()
    chat.until("() => window.joblynk.log()[1].feedback === -1")
    chat.page.reload()
    down = chat.answers.last.get_by_role("button", name="Not helpful", exact=True)
    expect(down).to_have_attribute("aria-pressed", "true")


def test_an_answer_is_copied_with_its_sources(chat: ChatPage) -> None:
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answered = chat.ask_and_wait(QUESTION)
    answered.get_by_role("button", name="Copy answer").click()
    chat.until("() => navigator.clipboard.readText().then((text) => text.includes('Sources'))")
    copied = chat.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(chat.log()[1]["text"])
    assert re.search(r"^\[1\] .+", copied, re.MULTILINE)


def test_a_draft_survives_a_reload_and_a_composition_is_not_sent(chat: ChatPage) -> None:
    chat.field.fill("half a thou")
    chat.field.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    chat.field.press("Shift+Enter")
    assert chat.field.input_value() == "half a thou\n"
    chat.page.reload()
    expect(chat.field).to_have_value("half a thou\n")
    expect(chat.questions).to_have_count(0)


def test_a_text_over_the_limit_is_counted_and_not_sent(chat: ChatPage) -> None:
    chat.field.fill("é" * 3_999)
    expect(chat.page.locator("#count")).to_have_text("3,999 / 4,000")
    chat.field.fill("👍" * 4_001)
    expect(chat.page.locator("#hint")).to_have_text(re.compile("over 4,000 characters"))
    chat.field.press("Enter")
    expect(chat.questions).to_have_count(0)
    chat.field.fill("👍" * 4_000)
    chat.field.press("Enter")
    chat.finished(1)
    assert chat.log()[0]["text"] == "👍" * 4_000


def test_a_customer_who_writes_too_fast_waits_and_loses_nothing(page: Page, running_sites: Sites) -> None:
    site = running_sites.start(content="demo", env={"CHAT_MESSAGES_PER_MINUTE": "6"})
    chat = ChatPage(page, site.url).open()
    for number in range(7):  # one more than fits, and the next is 10 seconds away: long enough to be seen
        chat.ask(f"Hello {number}")
    hint = page.locator("#hint")
    expect(hint).to_contain_text(re.compile(r"you can send again in \d+ s"))
    expect(chat.questions.last).to_contain_text("as soon as the pause is over")
    chat.field.fill("one more")
    chat.field.press("Enter")
    expect(chat.field).to_have_value("one more")
    chat.finished(7)
    asked = [message["text"] for message in chat.log() if message["role"] == "user"]
    assert asked == [f"Hello {number}" for number in range(7)]
    expect(hint).to_contain_text("check the sources")


ATTACK = """<script>window.pwned = 1</script><img src=x onerror="window.pwned = 2">
<svg onload="window.pwned=3"><a href="javascript:window.pwned=4">a</a>
[click](javascript:window.pwned=5) ![p](https://evil.example/p.png?q=1) [x](https://evil.example/)
<https://evil.example/a> https://evil.example/b <iframe srcdoc="<script>parent.pwned=6</script>"></iframe>
**<b onmouseover=pwned=7>b</b>** `<i>` [1] <style>*{background:url(https://evil.example/c)}</style>
<form action="https://evil.example"><button>go</button></form> [1]
"""


def test_a_hostile_answer_is_only_text(page: Page, model_site: Site, model: FakeGroq) -> None:
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if "evil" in request.url else None)
    chat = ChatPage(page, model_site.url).open()
    for piece in (1, 3, 64):
        model.play(answer(ATTACK, piece=piece, per_second=400))
        chat.ask_and_wait(OPEN_QUESTION)
    assert page.evaluate("window.pwned") is None
    assert foreign == []
    inside = page.locator(".msg .prose")
    expect(
        inside.locator("script, img, svg:not(.i), iframe, style, form, [onerror], [onload]")
    ).to_have_count(0)
    expect(inside.locator("a[href^='javascript'], a[href*='evil']")).to_have_count(0)
    assert chat.trouble == []


def test_a_starter_asks_and_the_error_starter_leads_to_the_field(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="Explain this error").click()
    expect(chat.field).to_be_focused()
    expect(chat.field).to_have_attribute("placeholder", re.compile("E-1042"))
    chat.page.get_by_role("button", name="Compare the plans").click()
    expect(chat.answers).to_have_count(1)
    expect(chat.answers.locator(".sources")).to_have_count(1)


def test_what_the_site_does_not_offer_has_no_control(page: Page, offline_site: Site) -> None:
    def without_features(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        server.on_message(
            lambda frame: browser.send(re.sub(r'"features": ?{[^}]*}', '"features":{}', str(frame)))
        )

    page.route_web_socket("**/ws/chat/", without_features)
    chat = ChatPage(page, offline_site.url).open()
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    chat.ask_and_wait(QUESTION)
    for name in ("mail", "picture", "photo", "video", "person"):
        expect(page.get_by_role("button", name=re.compile(name, re.IGNORECASE))).to_have_count(0)


def test_without_scripts_the_page_says_what_it_needs(
    offline_site: Site, open_tab: Callable[..., Page]
) -> None:
    page = open_tab(java_script_enabled=False)
    page.goto(offline_site.url)
    expect(page.locator("noscript p")).to_contain_text("This chat needs JavaScript")
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.get_by_role("textbox", name="Message")).to_be_hidden()
