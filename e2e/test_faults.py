"""What a customer sees of a bad line and of a server without room: a wait, and then everything."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from chat.tests.crowd import Rows
from e2e.chat_page import ChatPage, shown_messages, stored_messages
from joblynk.testing.chaos import chances, of
from joblynk.testing.disks import Disk, small_disk
from joblynk.testing.fake_groq import FakeGroq, answer
from joblynk.testing.fault_proxy import FaultProxy
from joblynk.testing.servers import ServerError
from joblynk.testing.sites import Site, Sites

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(of(3_600, 180))]
LONG = "Reload the page and sign in again. [1] " * 8


def test_a_page_behind_a_late_slow_cut_and_reset_line_shows_what_is_stored(
    page: Page, model_site: Site, model: FakeGroq
) -> None:
    choose, rounds = chances(), of(40, 3)
    model.play(answer(LONG, per_second=60))
    with FaultProxy("127.0.0.1", model_site.port) as line:
        chat = ChatPage(page, f"http://127.0.0.1:{line.port}/").open()
        for number in range(rounds):
            line.latency, line.bytes_per_second = choose.choice(((0.0, 0), (0.1, 0), (0.0, 8_000)))
            chat.ask(f"How do I search for jobs near my home? Part {number}")
            for _ in range(2):
                page.wait_for_timeout(choose.randrange(600))
                choose.choice((line.cut, line.reset))()
            line.latency = line.bytes_per_second = 0
            chat.finished(number + 1)
        conversation = page.evaluate("window.joblynk.state().conversation")
        assert shown_messages(chat.log()) == stored_messages(model_site, conversation)
        expect(chat.questions).to_have_count(rounds)
        expect(chat.answers).to_have_count(rounds)
        assert page.evaluate("window.trouble") == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", megabytes=24) as disk:
        yield disk


def test_a_message_that_finds_no_room_waits_and_is_sent_once_when_there_is_some(
    page: Page, disk: Disk, sites: Sites, tmp_path: Path
) -> None:
    shutil.copytree(sites.copy(), disk.path / "site", symlinks=True)
    site = sites.adopt(Site(disk.path / "site"))
    site.log_path = tmp_path / "log"
    site.start()
    chat = ChatPage(page, site.url).open()
    chat.ask_and_wait("Hello")
    disk.fill()
    chat.ask("Hello again")
    chat.until("() => window.joblynk.outbox()[0]?.tries > 1")
    expect(chat.questions.last).to_contain_text("Sending")
    with pytest.raises(ServerError, match="full"):
        site.manage("backup", str(disk.path / "saved"))
    disk.empty()
    chat.finished(2)
    expect(chat.questions).to_have_count(2)
    conversation = page.evaluate("window.joblynk.state().conversation")
    assert shown_messages(chat.log()) == stored_messages(site, conversation)
    assert Rows(site).torn() == []
    assert page.evaluate("window.trouble") == []
