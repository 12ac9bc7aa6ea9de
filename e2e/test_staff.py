"""The knowledge pages of staff in a real browser: live, under the strict policy, for everybody."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from e2e.chat_page import until
from e2e.test_access import AXE, DESK, PHONE, RULES
from joblynk.testing.sites import Site, Sites, manage

NAME, PASSWORD = "mira", "only-for-this-test"


@pytest.fixture(scope="module")
def site(running_sites: Sites) -> Iterator[Site]:
    """A demo site with a worker and a staff account."""
    site = running_sites.start(content="demo")
    account = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    manage(site.var_dir, "createsuperuser", "--noinput", f"--username={NAME}", "--email=", env=account)
    site.start_worker()
    yield site


@pytest.fixture
def staff(site: Site, open_tab: Callable[..., Page]) -> Callable[..., Page]:
    """`staff(viewport=…)`: a signed-in tab; what the console complains of is in its `trouble`."""

    def sign_in(**options: Any) -> Page:
        page = open_tab(**options)
        page.goto(f"{site.url}/admin/login/")
        page.get_by_label("Username").fill(NAME)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")
        return page

    return sign_in


def complaints(page: Page) -> list[str]:
    """Everything the page complains of from now on: also what the policy forbids."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_uploads_become_ready_or_failed_before_the_eyes(
    site: Site, staff: Callable[..., Page], tmp_path: Path
) -> None:
    page = staff()
    trouble = complaints(page)
    good, torn = tmp_path / "garage.md", tmp_path / "torn.pdf"
    good.write_text("# Garage\n\nThe garage opens at seven.", encoding="utf-8")
    torn.write_bytes(b"%PDF-1.4 torn")
    page.goto(f"{site.url}/admin/knowledge/document/add/")
    page.get_by_label("Files").set_input_files([good, torn])
    expect(page.locator(".drop li")).to_have_count(2)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Documents", exact=True)).to_be_visible()
    page.evaluate("document.body.dataset.same = 'page'")
    rows = page.locator("#result_list tbody tr")
    expect(rows.filter(has_text="garage").locator(".pill")).to_have_text("Ready")
    expect(rows.filter(has_text="torn.pdf").locator(".pill")).to_have_text("Failed")
    expect(rows.filter(has_text="torn.pdf")).to_contain_text("Save it again and upload the new copy")
    assert page.evaluate("document.body.dataset.same") == "page"
    good.write_text("# Garage\n\nThe garage opens at eight.", encoding="utf-8")
    page.goto(f"{site.url}/admin/knowledge/document/add/")
    page.get_by_label("Files").set_input_files([good])
    page.get_by_role("button", name="Add").click()
    arrival = page.locator(".arrivals tbody tr")
    expect(arrival.locator(".pill")).to_have_text("Unpublished")  # followed here, too, until it was read
    arrival.get_by_role("button", name="Replace the earlier one").click()
    expect(page.locator(".messagelist")).to_contain_text("“Garage” has a new version")
    expect(page.locator(".field-pill .pill")).to_have_text("Ready")
    assert trouble == []


def test_a_rebuild_shows_how_far_it_is_and_its_end_without_reloading(
    site: Site, staff: Callable[..., Page]
) -> None:
    page = staff()
    trouble = complaints(page)
    page.goto(f"{site.url}/admin/knowledge/indexbuild/")
    page.get_by_role("button", name="Reindex what changed").click()
    expect(page.locator(".messagelist")).to_contain_text("The old index serves until then")
    page.evaluate("document.body.dataset.same = 'page'")
    first = page.locator("#builds tbody tr").first
    expect(first).to_contain_text("what changed")
    expect(first.locator(".pill")).to_have_text("Done")
    assert page.evaluate("document.body.dataset.same") == "page"
    assert trouble == []


def test_the_preview_of_an_answer_follows_what_is_typed_and_runs_nothing(
    site: Site, staff: Callable[..., Page]
) -> None:
    page = staff()
    page.goto(f"{site.url}/admin/knowledge/faq/add/")
    trouble = complaints(page)
    page.get_by_label("Answer", exact=False).first.fill("**Bold** <img src=x onerror=alert(1)>")
    expect(page.locator(".preview strong")).to_have_text("Bold")
    expect(page.locator(".preview img")).to_have_count(0)
    assert trouble == []


@pytest.mark.parametrize(
    ("viewport", "scheme"),
    [(DESK, "light"), (DESK, "dark"), (PHONE, "light")],
    ids=["light", "dark", "phone"],
)
def test_the_pages_are_readable_for_everybody(
    site: Site, staff: Callable[..., Page], viewport: dict[str, int], scheme: str
) -> None:
    page = staff(viewport=viewport, color_scheme=scheme)
    trouble = complaints(page)
    found = {}
    ours, lists = "#content-main", ".results .pill, .attention"  # the rest of a list is the stock admin's
    for path, place in (
        ("knowledge/document/ask/?q=how+much+is+the+team+plan", ours),
        ("knowledge/document/1/passages/?q=how+do+I+post+a+job", ours),
        ("knowledge/document/add/", ours),
        ("knowledge/faq/import/", ours),
        ("knowledge/resemblance/", ours),
        ("knowledge/document/", lists),
        ("knowledge/indexbuild/", lists),
        ("videos/video/try/?q=I+lost+my+phone+and+the+login+code", ours),
        ("videos/video/1/change/", ".film"),
        ("videos/video/", lists),
    ):
        page.goto(f"{site.url}/admin/{path}")
        page.wait_for_load_state("networkidle")
        assert trouble == [], path
        page.evaluate(AXE.read_text(encoding="utf-8"))
        seen = page.evaluate(
            "([place, rules]) => axe.run(place, {runOnly: {type: 'tag', values: rules}})", [place, RULES]
        )
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        wrong = [
            f"{rule['id']}: {node['target']}" for rule in seen["violations"] for node in rule["nodes"]
        ] + (["wider than the screen"] if wide > 0 else [])
        if wrong:
            found[path] = wrong
        trouble.clear()  # axe styles what it measures, which the policy forbids
    assert found == {}


def test_a_video_is_previewed_and_its_chapters_are_put_in_order(
    site: Site, staff: Callable[..., Page]
) -> None:
    page = staff()
    trouble = complaints(page)
    page.goto(f"{site.url}/admin/videos/video/")
    page.get_by_role("link", name="Apply for a job").click()
    page.locator(".film-chapters button").nth(1).click()
    until(page, "() => document.querySelector('.film video')?.currentTime > 29")
    handles, titles = (
        page.locator("#chapters-group .drag"),
        page.locator("#chapters-group td.field-title input"),
    )
    handles.first.press("ArrowDown")
    expect(titles.first).to_have_value("Change it after sending")
    handles.nth(2).drag_to(titles.first)
    expect(titles.first).to_have_value("What the status means")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    expect(titles).to_have_count(5)  # the last is the empty row that more are made from
    assert [title.input_value() for title in titles.all()[:4]] == [
        "What the status means",
        "Change it after sending",
        "Send an application",
        "Drafts and limits",
    ]
    assert trouble == []
