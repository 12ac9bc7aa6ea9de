"""The chat page as a customer has it before them, for tests to act on."""

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, WebSocketRoute, expect

from joblynk.testing import overheard
from joblynk.testing.sites import Site

NOTE_TROUBLE = """
window.trouble = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.trouble.push(`${event.violatedDirective}: ${event.blockedURI} in ${event.sourceFile}`));
"""


def until(page: Page, condition: str, argument: object = None, seconds: float = 30) -> None:
    """Wait until `condition(argument)` holds in the page. (Playwright's own wait needs eval, which the
    page's policy forbids.)"""
    end = time.monotonic() + seconds
    while not page.evaluate(condition, argument):
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        page.wait_for_timeout(20)


class ChatPage:
    """One tab. `trouble` gathers what a healthy page never has: errors, warnings, blocked content."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self._errors: list[str] = []
        page.add_init_script(NOTE_TROUBLE)
        page.on("pageerror", self._note_error)
        page.on("console", self._note_console)
        self.field = page.get_by_role("textbox", name="Message")
        self.questions = page.locator(".msg.me")
        self.answers = page.locator(".msg.bot:not(.live)")
        self.live = page.locator(".msg.bot.live")
        self.send = page.get_by_role("button", name="Send", exact=True)
        self.stop = page.get_by_role("button", name="Stop answering")
        self.strip = page.locator("#strip")

    def _note_error(self, error: Error) -> None:
        self._errors.append(str(error))

    def _note_console(self, entry: ConsoleMessage) -> None:
        if entry.type in ("error", "warning"):
            self._errors.append(entry.text)

    def open(self) -> "ChatPage":
        self.page.goto(self.url)
        self.connected()
        return self

    def until(self, condition: str, argument: object = None, seconds: float = 30) -> None:
        until(self.page, condition, argument, seconds)

    def connected(self) -> None:
        self.until("() => window.joblynk?.link() === 'open'")

    def ask(self, text: str) -> None:
        overheard.note(text)
        self.field.fill(text)
        self.field.press("Enter")

    def ask_and_wait(self, text: str) -> Locator:
        """The answer, when it is finished."""
        before = self.answers.count()
        self.ask(text)
        expect(self.answers).to_have_count(before + 1)
        return self.answers.last

    def writing(self, characters: int = 1) -> None:
        """Wait until so much of an answer has arrived."""
        self.until(
            "(n) => window.joblynk?.state().entries.some((e) => e.kind === 'answer' && e.length >= n)",
            characters,
        )

    def finished(self, answers: int) -> None:
        """Wait until nothing is being written or sent, and so many answers stand in the log."""
        self.until(
            """(n) => window.joblynk && !window.joblynk.outbox().length
            && window.joblynk.state().entries.every((e) => e.kind !== 'answer')
            && window.joblynk.log().filter((m) => m.role === 'assistant').length >= n""",
            answers,
            seconds=60,
        )

    def log(self) -> list[dict[str, Any]]:
        """The durable messages this browser holds, in the order of their numbers."""
        found: list[dict[str, Any]] = json.loads(self.page.evaluate("JSON.stringify(window.joblynk.log())"))
        return found

    @property
    def trouble(self) -> list[str]:
        blocked: list[str] = self.page.evaluate("window.trouble")
        return [*self._errors, *blocked]


class Wire:
    """The socket of a page, in the hands of the test. Set it up before the page is opened."""

    def __init__(self, page: Page, *, doubled: bool = False) -> None:
        self.opened = 0
        self.refusing = False
        self._doubled = doubled
        self._open: list[tuple[WebSocketRoute, WebSocketRoute]] = []
        page.route_web_socket("**/ws/chat/", self._route)

    def _route(self, browser: WebSocketRoute) -> None:
        if self.refusing:
            browser.close(code=1012)
            return
        self.opened += 1
        server = browser.connect_to_server()
        self._open.append((browser, server))
        browser.on_message(self._forward(server))

    def _forward(self, server: WebSocketRoute) -> Callable[[str | bytes], None]:
        def forward(frame: str | bytes) -> None:
            server.send(frame)
            if self._doubled and json.loads(frame)["type"] == "message.send":
                server.send(frame)

        return forward

    def drop(self) -> None:
        """Both ends lose the connection. (Not 1012: after a restart a page lets others go first.)"""
        for browser, server in self._open:
            server.close()
            browser.close(code=1011)
        self._open.clear()


def stored_messages(site: Site, conversation: str) -> list[tuple[Any, ...]]:
    """(id, client_message_id, role, text, html, finish) as they stand in the database, in the log's order."""
    with sqlite3.connect(f"file:{site.var_dir / 'joblynk.sqlite3'}?mode=ro", uri=True) as database:
        return database.execute(
            """SELECT message.id, client_message_id, role, text, html, finish
            FROM chat_event AS event JOIN chat_message AS message ON message.id = event.message_id
            WHERE event.conversation_id = ? AND event.type = 'message.created' AND NOT message.removed
            ORDER BY event.seq""",
            (conversation.replace("-", ""),),
        ).fetchall()


def shown_messages(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The same of what a browser holds."""
    return [
        (
            message["id"].replace("-", ""),
            message["client_message_id"] and message["client_message_id"].replace("-", ""),
            *(message["role"], message["text"], message["html"], message["finish"] or ""),
        )
        for message in messages
    ]
