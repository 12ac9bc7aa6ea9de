"""Videos in a real browser: from the card to the last second, by mouse, by keyboard and on a phone."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, Response, Route, expect

from e2e.chat_page import ChatPage
from e2e.test_access import findings
from joblynk.testing.sites import Site

QUESTION = "My new phone shows no codes: how do I move two-step codes to it?"
FILM = "Protect your account with two-step codes"
CHAPTER, STARTS = "New or lost phone", 51.0
OTHER_QUESTION = "How do I withdraw an application in the phone app?"
OTHER_FILM = "Withdraw an application"
PHONE = {"width": 390, "height": 844}
VIDEO = "document.querySelector('dialog.player video')"


class Player:
    """The dialog, and the video in it as the browser plays it."""

    def __init__(self, chat: ChatPage) -> None:
        self.chat = chat
        self.dialog = chat.page.locator("dialog.player")
        self.video = self.dialog.locator("video")

    def value(self, expression: str) -> Any:
        return self.video.evaluate(f"(video) => {expression}")

    def until(self, expression: str) -> None:
        """Wait until it holds of the video."""
        self.chat.until(f"() => ((video) => video && {expression})({VIDEO})")

    def plays_from(self, second: float) -> None:
        self.until(f"video.currentTime > {second} + 0.3 && !video.paused")
        assert self.value("video.currentTime") < second + 30


def card(chat: ChatPage, title: str) -> Locator:
    return chat.answers.last.get_by_role("button", name=re.compile(f"Video guide.*{title}"))


@contextmanager
def database(site: Site) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(site.var_dir / "joblynk.sqlite3", timeout=20)) as connection, connection:
        yield connection


def shown(site: Site, title: str) -> tuple[Any, ...]:
    """(opened, watched, helped) of the newest card."""
    query = (
        "SELECT opened_at IS NOT NULL, watched, helped FROM chat_shownvideo WHERE title = ? ORDER BY id DESC"
    )
    with database(site) as connection:
        row: tuple[Any, ...] = connection.execute(query, (title,)).fetchone()
        return row


def test_a_card_opens_the_film_at_its_chapter_and_esc_ends_it(chat: ChatPage, offline_site: Site) -> None:
    page = chat.page
    asked: list[str] = []
    parts: list[Response] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("response", lambda r: parts.append(r) if r.url.endswith(".webm") else None)
    chat.ask_and_wait(QUESTION)
    opener = card(chat, FILM)
    expect(opener).to_contain_text(CHAPTER)
    expect(opener.locator("img")).to_have_js_property("naturalWidth", 640)
    assert parts == [], "nothing of the film before the click"

    opener.click()
    player = Player(chat)
    player.plays_from(STARTS)
    assert player.value("video.readyState") >= 2
    player.until("video.textTracks[0].mode === 'showing' && video.textTracks[0].activeCues?.length === 1")
    assert player.value("video.textTracks[0].activeCues[0].text")
    expect(player.dialog.get_by_role("button", name=CHAPTER)).to_have_attribute("aria-current", "true")

    player.dialog.get_by_role("button", name="Keep your backup codes").click()
    player.plays_from(22.0)
    player.value("video.currentTime = 70")
    player.until("!video.seeking && video.currentTime >= 70")
    assert {part.status for part in parts} == {206}
    player.dialog.get_by_label("Speed").select_option("2")
    assert player.value("video.playbackRate") == 2
    player.dialog.get_by_role("button", name="Captions").click()
    player.until("video.textTracks[0].mode === 'disabled'")
    player.dialog.get_by_role("button", name="Yes, it helped").click()
    expect(player.dialog.get_by_role("status")).to_have_text("Thank you.")
    player.until("video.ended")
    chat.until("() => window.joblynk.log().some((m) => (m.videos ?? []).some((v) => v.helped === 1))")

    page.keyboard.press("Escape")
    expect(player.dialog).to_be_hidden()
    expect(player.video).to_have_count(0)
    expect(opener).to_be_focused()
    assert shown(offline_site, FILM) == (1, 100, 1)
    chat.ask_and_wait("And without the old phone: how do I get in with two-step codes?")
    expect(card(chat, FILM)).to_have_count(0)
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(offline_site.url).netloc}
    assert chat.trouble == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_film_on_a_phone_by_keyboard_alone(
    offline_site: Site, open_tab: Callable[..., Page], scheme: str
) -> None:
    page = open_tab(viewport=PHONE, color_scheme=scheme)
    chat = ChatPage(page, offline_site.url).open()
    chat.ask_and_wait(QUESTION)
    opener = card(chat, FILM)
    assert findings(page) == []
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if opener.evaluate("(element) => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    player = Player(chat)
    player.plays_from(STARTS)
    expect(player.video).to_be_focused()
    page.keyboard.press("Space")
    player.until("video.paused")
    expect(player.dialog.locator(".said")).to_contain_text(re.compile("phone|backup"))
    stands = player.value("video.currentTime")
    page.keyboard.press("ArrowLeft")
    player.until(f"!video.seeking && video.currentTime < {stands} - 4")
    page.keyboard.press("c")
    player.until("video.textTracks[0].mode === 'disabled'")
    assert findings(page) == []
    box = player.dialog.bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, PHONE["width"])
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]

    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        inside = page.evaluate("!document.activeElement.closest('body > :not(dialog.player)')")
        assert inside, "the focus stays in the dialog"
        seen.add(page.evaluate("document.activeElement.textContent.trim()"))
    assert any("Switch on" in name for name in seen)
    chapter = player.dialog.get_by_role("button", name="The code is not accepted")
    chapter.focus()
    page.keyboard.press("Enter")
    player.plays_from(35.5)
    page.keyboard.press("Escape")
    expect(player.dialog).to_be_hidden()
    expect(opener).to_be_focused()
    assert chat.trouble == []


@contextmanager
def changed(site: Site, title: str, **values: Any) -> Iterator[None]:
    """The video is like this for the time being, as if staff had edited it."""
    names = ", ".join(values)
    with database(site) as connection:
        query = f"SELECT {names} FROM videos_video WHERE title = ?"  # noqa: S608
        before = connection.execute(query, (title,)).fetchone()
    setting = f"UPDATE videos_video SET {', '.join(f'{name} = ?' for name in values)} WHERE title = ?"  # noqa: S608
    with database(site) as connection:
        connection.execute(setting, (*values.values(), title))
    try:
        yield
    finally:
        with database(site) as connection:
            connection.execute(setting, (*before, title))


def test_the_card_of_a_film_that_is_gone_says_so(chat: ChatPage, offline_site: Site) -> None:
    page = chat.page
    chat.ask_and_wait(OTHER_QUESTION)
    opener = card(chat, OTHER_FILM)
    expect(opener).to_contain_text("In the phone app")
    with changed(offline_site, OTHER_FILM, published=False):
        opener.click()
        expect(opener).to_contain_text("no longer available")
        expect(page.locator("dialog.player")).to_be_hidden()
        expect(page.get_by_text("This video is no longer available.").last).to_be_visible()
        expect(opener).to_be_focused()
        page.reload()
        expect(card(chat, OTHER_FILM)).to_contain_text("no longer available")
        card(chat, OTHER_FILM).press("Enter")
        expect(page.locator("dialog.player")).to_be_hidden()
    page.reload()
    expect(card(chat, OTHER_FILM)).to_contain_text("In the phone app")
    assert [entry for entry in chat.trouble if "404" not in entry] == []


def test_a_provider_is_asked_only_after_the_click_and_framed_alone(
    chat: ChatPage, offline_site: Site
) -> None:
    page = chat.page
    asked: list[tuple[str, str | None]] = []

    def provider(route: Route) -> None:
        asked.append((route.request.url, route.request.headers.get("referer")))
        route.fulfill(content_type="text/html", body="<!doctype html><title>Player</title><p>Plays.</p>")

    page.route(lambda url: urlsplit(url).port != offline_site.port, provider)
    with changed(offline_site, OTHER_FILM, provider="youtube", file="", external_id="dQw4w9WgXcQ"):
        chat.ask_and_wait(OTHER_QUESTION)
        opener = card(chat, OTHER_FILM)
        expect(opener).to_contain_text("plays from YouTube")
        expect(opener.locator("img")).to_have_js_property("naturalWidth", 640)
        assert asked == []
        opener.click()
        frame = page.locator("dialog.player iframe")
        expect(frame.content_frame.get_by_text("Plays.")).to_be_visible()
        [(address, referrer)] = asked
        assert address.startswith("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?")
        assert "start=24" in address
        assert referrer == f"{offline_site.url}/"
        page.get_by_role("button", name="Close video").click()
        expect(frame).to_have_count(0)
        expect(opener).to_be_focused()
    assert chat.trouble == []
