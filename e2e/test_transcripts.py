"""Keeping a copy: asked for, confirmed, watched until it is delivered, downloaded; and the mail itself."""

import base64
import io
import re
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from chat.assistant.markdown import render
from chat.letters.mails import confirmation_mail, transcript_mail
from chat.letters.sheet import lay_out
from chat.transcripts.export import Clip, Entry, Picture, Quote, Transcript
from e2e.chat_page import ChatPage
from e2e.test_access import PHONE, findings
from joblynk.testing.fake_sendgrid import FakeSendGrid, Mail
from joblynk.testing.sites import Site, Sites

LINK = re.compile(r"/transcript/confirm/\S+")
EMAIL = "anna@mail.example"


@pytest.fixture(scope="module")
def sendgrid() -> Iterator[FakeSendGrid]:
    with FakeSendGrid() as server:
        yield server


@pytest.fixture(scope="module")
def site(running_sites: Sites, sendgrid: FakeSendGrid) -> Site:
    """A site without content, with a mail service and a worker."""
    site = running_sites.adopt(Site(running_sites.copy()))
    site.env = {
        "SENDGRID_API_KEY": "SG.none",
        "SENDGRID_HOST_URL": sendgrid.base_url,
        "SENDGRID_WEBHOOK_VERIFICATION_KEY": sendgrid.public_key,
        "DEFAULT_FROM_EMAIL": "help@joblynk.example",
        "CHAT_MESSAGES_PER_MINUTE": "0",
    }
    site.start()
    site.start_worker()
    return site


def arrived(chat: ChatPage, sendgrid: FakeSendGrid, count: int) -> Mail:
    """The mail that comes as number `count`."""
    for _ in range(3_000):
        if len(sendgrid.mails) >= count:
            return sendgrid.mails[count - 1]
        chat.page.wait_for_timeout(20)
    raise AssertionError("no mail came")


def tell(site: Site, body: bytes, headers: dict[str, str]) -> None:
    """What SendGrid posts to the site."""
    request = urllib.request.Request(f"{site.url}/webhooks/sendgrid/", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        assert answer.status == 204


def test_a_copy_is_confirmed_sent_delivered_and_downloaded(
    site: Site, sendgrid: FakeSendGrid, open_tab: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_tab(timezone_id="Europe/Berlin")
    chat = ChatPage(page, site.url).open()
    expect(page.locator("#transcript-button")).to_be_hidden()
    chat.ask_and_wait("How do I post a job?")
    page.get_by_role("button", name="E-mail or download this conversation").click()
    dialog = page.get_by_role("dialog", name="Keep a copy of this conversation")
    address = dialog.get_by_label("Your e-mail address")
    expect(address).to_be_focused()
    expect(dialog.locator(".unconnected")).to_be_hidden()
    address.fill("anna@")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.locator(".deliveries li")).to_have_count(0)
    address.fill(EMAIL)
    address.press("Enter")
    state = dialog.locator(".deliveries li")
    expect(state).to_have_text(
        "We’ve asked a…@mail.example whether it wants the transcript. Open the link in that mail."
    )
    assert findings(page) == []

    link = LINK.search(arrived(chat, sendgrid, 1).text)
    assert link is not None
    other = open_tab()
    other.goto(f"{site.url}{link[0]}")
    expect(other.get_by_role("heading", name="Send the transcript to a…@mail.example?")).to_be_visible()
    assert findings(other) == []
    other.get_by_role("button", name="Yes, send it to me").click()
    expect(other.get_by_role("heading", name="Thank you.")).to_be_visible()

    mail = arrived(chat, sendgrid, 2)
    assert (mail.to, "How do I post a job?" in mail.subject, "Europe/Berlin" in mail.text) == (
        EMAIL,
        True,
        True,
    )
    expect(state).to_contain_text("Handed to the mail service for a…@mail.example")
    tell(site, *sendgrid.signed([mail.event("delivered"), mail.event("processed")]))
    expect(state).to_have_text("Delivered to a…@mail.example.")

    with page.expect_download() as download:
        dialog.get_by_role("link", name="Text").click()
    kept = tmp_path / "kept.txt"
    download.value.save_as(kept)
    assert "How do I post a job?" in kept.read_text(encoding="utf-8")

    page.reload()
    chat.connected()
    page.get_by_role("button", name="More options").click()
    page.get_by_role("menuitem", name="E-mail this conversation").click()
    expect(address).to_have_value(EMAIL)
    expect(state).to_have_text("Delivered to a…@mail.example.")
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="More options").click()
    page.get_by_role("menuitem", name="Start a new conversation").click()
    page.get_by_role("button", name="E-mail or download it first").click()
    expect(dialog).to_be_visible()
    assert chat.trouble == []
    assert sendgrid.complaints == []


def test_without_a_mail_service_the_page_says_so_and_offers_the_download(
    offline_site: Site, open_tab: Callable[..., Page]
) -> None:
    page = open_tab(viewport=PHONE)
    chat = ChatPage(page, offline_site.url).open()
    chat.ask_and_wait("What does E-1042 mean?")
    page.get_by_role("button", name="More options").click()
    page.get_by_role("menuitem", name="Download this conversation").click()
    expect(page.locator(".unconnected")).to_contain_text(
        "mails are kept as files on its server and reach nobody"
    )
    expect(page.get_by_role("link", name="Web page")).to_be_focused()
    assert findings(page) == []
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".html")
    assert chat.trouble == []


# --- The mail ------------------------------------------------------------------------------------

ANSWER = """You can **post a job** in three steps [1]:

1. Open *Jobs* and press `New job`.
2. Fill in the form. See [the guide](https://help.joblynk.example/guides/post).

| Plan | Posts a month | Price |
|---|---|---|
| Starter | 1 | €0 |
| Team | 10 | €149 |

> Drafts are kept for 90 days.

```
averyveryverylongcommandwithoutanybreak --option=averyveryverylongvaluewithoutanybreak
```
"""


AT = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
PICTURE = Picture(uuid4(), "screenshot.png", 1_200, 800, "", "Error E-1042: the session has ended")
QUOTES = (
    Quote(1, "document", "Posting a job", "First steps", 3, "Open Jobs, press New. " * 9, "", "2026-11-20"),
    Quote(2, "web", "A page", "", None, "Some words.", f"https://example.org/{'long/' * 40}", ""),
)
CLIPS = (Clip(7, "Post your first job", "The form", 65.0),)


def said(role: str, text: str, html: str = "", **more: Any) -> Entry:
    known: dict[str, Any] = {"author": "Mira", "finish": "", "mode": "", "error_code": "", "notice": ""}
    return Entry(uuid4(), role, at=AT, text=text, html=html, reply_to=None, **{**known, **more})


def rich_mails() -> tuple[str, str]:
    """The HTML of a transcript with everything in it, and that of a confirmation."""
    answer = render(ANSWER, citations=2, hosts=frozenset({"help.joblynk.example"}))
    entries = (
        said("user", "How do I post a job?\nI am on the Team plan."),
        said("assistant", ANSWER, answer, mode="offline", quotes=QUOTES, clips=CLIPS),
        said("user", "w" * 200, pictures=(PICTURE,)),
        said("system", "We've asked the team to help."),
        said("staff", "Hello, this is Mira.", "<p>Hello, this is Mira.</p>"),
    )
    sheet = lay_out(
        Transcript(uuid4(), "a" * 32, "bot", "Europe/Berlin", "en", AT, entries),
        site_name="Joblynk help",
        site_url="https://help.joblynk.example",
        usual_zone="UTC",
        video_link=lambda video_id, start: f"https://video.example/{video_id}?t={int(start)}",
    )
    image = io.BytesIO()
    Image.new("RGB", (360, 240), "#0b6e63").save(image, "JPEG")
    mail = transcript_mail(sheet, EMAIL, {PICTURE.id: image.getvalue()}, {})
    data = f"data:image/jpeg;base64,{base64.b64encode(image.getvalue()).decode()}"
    shown = str(mail.alternatives[0][0]).replace(f"cid:{PICTURE.id.hex}@transcript", data)
    asked = confirmation_mail(EMAIL, "https://help.joblynk.example/transcript/confirm/" + "a" * 64, {})
    return shown, str(asked.alternatives[0][0])


CUT = """[...document.querySelectorAll("td, p, img, pre")]
    .filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.outerHTML.slice(0, 80))"""


def test_the_mails_are_readable_in_light_and_dark_from_320_to_800_pixels(
    open_tab: Callable[..., Page],
) -> None:
    found = {}
    for html in rich_mails():
        for scheme in ("light", "dark"):
            page = open_tab(color_scheme=scheme)
            page.set_content(html)
            for width in (320, 480, 800):
                page.set_viewport_size({"width": width, "height": 900})
                wide = page.evaluate("document.documentElement.scrollWidth")
                cut = page.evaluate(CUT)
                if wide > width or cut:
                    found[f"{scheme} {width}"] = [wide, cut]
            if wrong := findings(page):
                found[scheme] = wrong
            expect(page.locator("img")).to_have_count(1 if "Mira" in html else 0)
    assert found == {}
