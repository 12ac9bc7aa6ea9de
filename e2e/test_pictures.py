"""Pictures in a real browser: added in every way, covered, sent over a bad line, opened, read, corrected."""

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import CDPSession, FilePayload, Locator, Page, Request, Route, expect

from e2e.chat_page import ChatPage
from e2e.test_access import DESK, PHONE, findings
from joblynk.testing.sites import Site

UPLOAD = "**/api/attachments/"
SECRET = (220, 30, 40)  # of a patch at (400, 300)…(700, 400) of every picture
HEIC = b"\0\0\0\x18ftypheic" + bytes(64)


def screenshot(text: str = "Error E-1042", name: str = "shot.png") -> FilePayload:
    image = Image.new("RGB", (1000, 600), "white")
    draw = ImageDraw.Draw(image)
    draw.text((60, 80), text, fill="black", font=ImageFont.load_default(size=60))
    draw.rectangle((400, 300, 699, 399), fill=SECRET)
    data = io.BytesIO()
    image.save(data, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": data.getvalue()}


class Composer:
    """The place where pictures wait to be sent."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.tray = page.get_by_role("group", name="Pictures to send")
        self.tiles = self.tray.get_by_role("listitem")

    def pick(self, *files: FilePayload) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Add pictures").click()
        chooser.value.set_files(list(files))

    def bring(self, event: str, *files: FilePayload, padding: int = 0) -> None:
        """What a paste, a drag or a drop of files brings to the page, each with so many bytes at its end."""
        self.page.evaluate(
            """([event, files, padding]) => {
                const data = new DataTransfer();
                for (const {name, bytes} of files) {
                    const raw = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
                    data.items.add(new File([raw, new Uint8Array(padding)], name));
                }
                const options = {bubbles: true, cancelable: true};
                document.querySelector("#message").dispatchEvent(event === "paste"
                    ? new ClipboardEvent(event, {...options, clipboardData: data})
                    : new DragEvent(event, {...options, dataTransfer: data}));
            }""",
            [
                event,
                [{"name": f["name"], "bytes": base64.b64encode(f["buffer"]).decode()} for f in files],
                padding,
            ],
        )


def stored(chat: ChatPage, pictures: int = 1) -> list[dict[str, Any]]:
    """The attachments of the last question, once the server has it."""
    chat.until(
        "(n) => !window.joblynk.outbox().length && window.joblynk.log()"
        ".findLast(({role}) => role === 'user')?.attachments.length === n",
        pictures,
        seconds=60,
    )
    questions = [message for message in chat.log() if message["role"] == "user"]
    found: list[dict[str, Any]] = questions[-1]["attachments"]
    return found


def upload_speed(network: CDPSession, bytes_per_second: int) -> None:
    """-1: as fast as it goes."""
    network.send("Network.enable")
    speeds = {"downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    network.send("Network.emulateNetworkConditions", {"offline": False, "latency": 0, **speeds})


KEPT = """(act) => new Promise((resolve) => {
    indexedDB.open("joblynk").onsuccess = ({target}) => {
        const request = target.result.transaction("pictures", "readwrite").objectStore("pictures")[act]();
        request.onsuccess = () => resolve(request.result);
    };
})"""  # "count" or "clear" what the browser has kept


def focused(element: Locator) -> None:
    expect(element).to_be_focused()


def drag(page: Page, sheet: Locator, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Between two points of the picture, as shares of its sides."""
    box = sheet.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + begin[0] * box["width"], box["y"] + begin[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
    page.mouse.up()


def test_what_is_covered_never_leaves_the_browser(chat: ChatPage) -> None:
    page, composer = chat.page, Composer(chat.page)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if "/api/attachments/" in request.url else None)
    composer.pick(screenshot())
    page.get_by_role("button", name="Cover parts of picture").click()
    editor = page.get_by_role("dialog", name="Cover what is private")
    sheet, boxes = editor.locator(".sheet"), editor.get_by_role("button", name="Covered part")
    drag(page, sheet, (0.38, 0.47), (0.53, 0.7))
    drag(page, sheet, (0.02, 0.02), (0.1, 0.1))
    expect(boxes).to_have_count(2)
    editor.get_by_role("button", name="Undo").click()
    expect(boxes).to_have_count(1)

    add = editor.get_by_role("button", name="Add a box")
    add.click()
    focused(boxes.nth(1))  # in the middle: 375…625 × 225…375
    for key in ["Shift+ArrowRight"] * 14 + ["Shift+ArrowDown"] * 6 + ["ArrowRight", "ArrowLeft"]:
        page.keyboard.press(key)
    add.click()
    page.keyboard.press("Delete")
    expect(boxes).to_have_count(2)
    focused(boxes.nth(1))
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Control+z")
    editor.get_by_role("button", name="Done").click()
    expect(composer.tray).to_contain_text("Covered")
    focused(page.get_by_role("button", name="Cover parts of picture"))
    page.keyboard.press("Enter")
    expect(boxes).to_have_count(2)  # to be changed, as long as the message is not sent
    page.keyboard.press("Escape")
    expect(composer.tray).to_contain_text("Covered")
    assert sent == []

    chat.ask("What is this?")
    [attachment] = stored(chat)
    assert [request.method for request in sent if request.url.endswith("/api/attachments/")] == ["POST"]
    picture = Image.open(io.BytesIO(page.request.get(chat.url + attachment["url"]).body())).convert("RGB")
    assert picture.size == (1000, 600)
    assert SECRET not in {colour for _, colour in picture.getcolors(1 << 20) or []}
    assert picture.getpixel((450, 350)) == picture.getpixel((650, 350)) == (0, 0, 0)
    assert picture.getpixel((30, 30)) == (255, 255, 255)
    expect(composer.tray).to_be_hidden()
    assert chat.trouble == []


def test_pictures_are_pasted_dropped_removed_and_opened_and_refusals_say_why(chat: ChatPage) -> None:
    page, composer = chat.page, Composer(chat.page)
    page.get_by_role("button", name="Explain this error").click()
    focused(chat.field)
    expect(composer.tray).to_contain_text("paste a screenshot")
    composer.bring("paste", screenshot(name="pasted.png"))
    expect(composer.tiles).to_have_count(1)
    zone = page.get_by_text("Drop your pictures here")
    composer.bring("dragover", screenshot())
    expect(zone).to_be_visible()
    odd: FilePayload = {"name": "page.png", "mimeType": "image/png", "buffer": b"<html><script>1</script>"}
    heic: FilePayload = {"name": "IMG_1.HEIC", "mimeType": "", "buffer": HEIC}
    composer.bring("drop", screenshot(name="dropped.png"), odd, heic)
    expect(zone).to_be_hidden()
    expect(composer.tiles).to_have_count(3)
    expect(composer.tray).to_contain_text("“page.png” is not a picture we can read")
    broken = screenshot(name="broken.png")
    broken["buffer"] = broken["buffer"][:40]
    composer.pick(broken)
    expect(composer.tray).to_contain_text("“broken.png” is damaged")
    composer.bring("paste", screenshot(name="big.png"), padding=10 << 20)
    expect(composer.tray).to_contain_text("up to 10 MB")
    composer.pick(screenshot(name="fourth.png"), screenshot(name="fifth.png"))
    expect(composer.tray).to_contain_text("up to 4 pictures")
    expect(composer.tiles).to_have_count(4)
    expect(composer.tiles.nth(2)).to_contain_text("HEIC")
    covering = composer.tiles.nth(2).get_by_role("button", name=re.compile("cannot be covered here"))
    expect(covering).to_have_attribute("aria-disabled", "true")

    composer.tiles.nth(1).get_by_role("button", name="Remove picture 2 of 4").focus()
    page.keyboard.press("Enter")
    expect(composer.tiles).to_have_count(3)
    focused(composer.tiles.nth(1).get_by_role("button", name="Remove"))

    opener = composer.tiles.nth(0).get_by_role("button", name="Open picture 1 of 3")
    opener.focus()
    page.keyboard.press("Enter")
    large = page.get_by_role("dialog", name="pasted.png · 1 of 2")
    expect(large).to_be_visible()
    before = large.locator("img").bounding_box()
    page.keyboard.press("+")
    expect(large.get_by_role("button", name="Zoom out")).not_to_have_attribute("aria-disabled", "true")
    after = large.locator("img").bounding_box()
    assert before is not None and after is not None and after["width"] > 1.4 * before["width"]
    page.keyboard.press("0")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog", name="fourth.png · 2 of 2")).to_be_visible()
    page.keyboard.press("Escape")
    focused(opener)
    assert chat.trouble == []


def test_a_picture_survives_a_lost_line_and_a_reload(page: Page, offline_site: Site) -> None:
    chat, composer = ChatPage(page, offline_site.url).open(), Composer(page)
    composer.pick(screenshot(name="kept.png"))
    expect(composer.tiles).to_have_count(1)
    page.context.set_offline(True)
    chat.ask("Offline")
    expect(chat.questions.last).to_contain_text("no connection")
    page.context.set_offline(False)
    stored(chat)

    composer.pick(screenshot(name="reloaded.png"))
    chat.until(KEPT, "count")
    page.reload()
    expect(composer.tiles.get_by_role("button", name="Open picture: reloaded.png")).to_be_visible()
    chat.connected()
    network = page.context.new_cdp_session(page)
    upload_speed(network, 100)
    chat.ask("Reloaded")
    expect(chat.questions.last.get_by_role("progressbar", name="Sending picture")).to_be_visible()
    chat.ask("Behind it")
    expect(chat.questions.last).to_contain_text("Sending")
    upload_speed(network, -1)
    page.reload()
    chat.until(
        "() => window.joblynk && !window.joblynk.outbox().length && "
        "window.joblynk.log().filter(({role}) => role === 'user').length === 3",
        seconds=60,
    )
    asked = [message for message in chat.log() if message["role"] == "user"]
    assert [(question["text"], len(question["attachments"])) for question in asked] == [
        ("Offline", 1),
        ("Reloaded", 1),
        ("Behind it", 0),
    ]
    composer.pick(screenshot(name="lost.png"))
    chat.until(KEPT, "count")
    page.evaluate(KEPT, "clear")
    page.reload()
    expect(composer.tray).to_contain_text("A picture was lost with the reload. Please add it again.")
    expect(composer.tiles).to_have_count(0)


def test_a_picture_that_does_not_go_is_retried_or_taken_out(chat: ChatPage) -> None:
    page, composer = chat.page, Composer(chat.page)
    answers = ["reset", "refused", "taken"]

    def disturbed(route: Route) -> None:
        match answers.pop(0) if answers else "refused":
            case "reset":
                route.abort("connectionreset")
            case "refused":
                route.fulfill(status=400, json={"code": "bad_attachment", "text": "That picture is damaged."})
            case _:
                route.continue_()

    page.route(UPLOAD, disturbed)
    composer.pick(screenshot())
    chat.field.press("Enter")
    failed = chat.questions.last
    expect(failed).to_contain_text("Not sent. That picture is damaged.")
    failed.get_by_role("button", name="Retry").click()
    stored(chat)

    composer.pick(screenshot(name="first.png"), screenshot(name="second.png"))
    expect(composer.tiles).to_have_count(2)
    chat.ask("Without them")
    expect(failed).to_contain_text("Not sent. That picture is damaged.")
    failed.get_by_role("button", name="Remove picture 2 of 2").click()
    failed.get_by_role("button", name="Remove picture", exact=True).click()
    assert stored(chat, 0) == []
    expect(chat.questions).to_have_count(2)

    page.unroute(UPLOAD)
    page.context.clear_cookies(name="csrftoken")
    composer.pick(screenshot())
    chat.until(KEPT, "count")
    chat.ask("With an old page")
    expect(failed).to_contain_text("Reload it; your message stays.")
    page.reload()
    failed.get_by_role("button", name="Retry").click()
    assert len(stored(chat)) == 1


@pytest.mark.timeout(240)  # text recognition and five looks by axe, on a busy machine
@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
def test_what_was_read_is_shown_corrected_and_asked_again(
    offline_site: Site, open_tab: Callable[..., Page], viewport: dict[str, int], scheme: str
) -> None:
    page = open_tab(viewport=viewport, color_scheme=scheme, has_touch=viewport is PHONE)
    chat, composer = ChatPage(page, offline_site.url).open(), Composer(page)
    expect(page.get_by_role("button", name="Take a photo")).to_be_visible(visible=viewport is PHONE)
    page.get_by_role("button", name="Explain this error").click()
    composer.pick(screenshot("Error E-1042"), {"name": "a.HEIC", "mimeType": "", "buffer": HEIC})
    expect(composer.tiles).to_have_count(2)
    seen = {"tray": findings(page)}
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.get_by_role("button", name="Cover parts of picture 1").click()
    page.get_by_role("button", name="Add a box").click()
    seen["cover"] = findings(page)
    page.keyboard.press("Escape")
    composer.tiles.nth(1).get_by_role("button", name="Remove").click()
    chat.send.click()
    expect(chat.questions.last.get_by_role("button", name=re.compile("Open picture"))).to_be_visible()
    chat.finished(1)
    expect(chat.answers.last).to_contain_text("E-1042")

    chat.questions.last.get_by_role("button", name="What I read").click()
    panel = page.get_by_role("dialog", name="What I read")
    field = panel.get_by_role("textbox", name="Text in the picture")
    expect(field).to_have_value(re.compile("E-1042"))
    expect(panel).to_contain_text("text recognition on our own server")
    seen["read"] = findings(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    panel.get_by_role("button", name=re.compile("Open picture")).click()
    expect(page.get_by_role("dialog", name="shot.png")).to_be_visible()
    expect(page.get_by_role("button", name="Close picture")).to_be_in_viewport(ratio=1)
    seen["large"] = findings(page)
    page.keyboard.press("Escape")
    field.fill("Error E-4040")
    panel.get_by_role("button", name="Ask again with this").click()
    expect(chat.answers.last).to_contain_text("E-4040")
    chat.finished(1)
    chat.questions.last.get_by_role("button", name="What I read, with your correction").click()
    expect(panel.get_by_role("textbox", name="Text, as you corrected it")).to_have_value("Error E-4040")
    assert {state: found for state, found in seen.items() if found} == {}
    assert chat.trouble == []
