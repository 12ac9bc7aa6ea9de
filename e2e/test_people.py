"""A customer asks for a person; somebody of the team answers from the admin, live, and gives back."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from e2e.chat_page import ChatPage
from e2e.test_access import AXE, DESK, PHONE, RULES
from e2e.test_staff import complaints
from joblynk.testing.sites import Site, Sites, manage

PASSWORD = "only-for-this-test"
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def site(running_sites: Sites) -> Iterator[Site]:
    """A demo site with a worker and two of the staff."""
    site = running_sites.start(content="demo", env={"CHAT_MESSAGES_PER_MINUTE": "0"})
    for name in ("mira", "omar"):
        account = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        manage(site.var_dir, "createsuperuser", "--noinput", f"--username={name}", "--email=", env=account)
    site.start_worker()
    yield site


@pytest.fixture
def staff(site: Site, open_tab: Callable[..., Page]) -> Callable[..., Page]:
    """`staff("mira", viewport=…)`: a signed-in tab."""

    def sign_in(name: str, **options: object) -> Page:
        page = open_tab(**options)
        page.goto(f"{site.url}/admin/login/?next=/admin/chat/conversation/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/chat/conversation/")
        return page

    return sign_in


def test_a_customer_asks_for_a_person_who_answers_and_gives_back(
    site: Site, page: Page, staff: Callable[..., Page]
) -> None:
    chat = ChatPage(page, site.url).open()
    chat.ask_and_wait("How much is the Team plan?")
    mira, omar = staff("mira", viewport=DESK), staff("omar", viewport=DESK)
    trouble = complaints(mira)

    page.get_by_role("button", name="Talk to a person").click()
    expect(chat.strip).to_contain_text("waiting for a person")
    expect(mira.locator("[data-count=waiting]")).to_have_text("1")  # without a reload
    mira.get_by_role("link", name="Waiting").click()
    mira.get_by_role("link", name="How much is the Team plan?").click()
    expect(mira.locator("#situation")).to_have_text("The customer waits for a person.")
    omar.goto(mira.url)
    omar.evaluate("document.body.dataset.same = 'page'")

    omar.get_by_role("button", name="Write a note").click()
    omar.get_by_label("Note for the team").fill("They asked for 12 seats before.")
    omar.get_by_role("button", name="Add the note").click()
    expect(omar.get_by_label("Note for the team")).to_be_hidden()
    expect(mira.locator(".transcript .entry").last).to_contain_text("They asked for 12 seats before.")
    omar.get_by_label("Assigned to").select_option("mira")
    omar.get_by_role("button", name="Assign", exact=True).click()
    expect(mira.locator("#situation")).to_have_text("The customer waits for mira.")

    mira.get_by_role("button", name="Take over").click()
    expect(mira.locator("#situation")).to_have_text("You are answering. The assistant is silent.")
    expect(omar.locator("#situation")).to_have_text("mira is answering this conversation.")
    expect(page.locator("#presence")).to_have_text("mira is here")

    mira.get_by_label("Your reply").press_sequentially("For **twelve** people?")
    expect(page.locator("#presence")).to_have_text("mira is typing…")
    mira.get_by_label("Your reply").press("Enter")
    expect(page.locator(".msg.human strong")).to_have_text("twelve")
    expect(mira.get_by_label("Your reply")).to_have_value("")
    chat.ask("Yes, twelve of us <b>exactly</b>")
    expect(omar.locator(".transcript")).to_contain_text("Yes, twelve of us <b>exactly</b>")
    expect(chat.answers).to_have_count(2)  # the assistant's first one, and the person's

    mira.get_by_role("button", name="Give back to the assistant").click()
    expect(page.locator(".sys").last).to_contain_text("mira has left. The assistant answers again.")
    chat.ask("How do I reset my password?")
    expect(chat.answers).to_have_count(3)
    expect(omar.locator(".transcript")).to_contain_text("Forgot password?")
    assert omar.evaluate("document.body.dataset.same") == "page"

    mira.get_by_role("button", name="Close the conversation").click()
    expect(page.locator("#closed")).to_be_visible()
    expect(mira.locator("#situation")).to_have_text("This conversation is closed.")
    assert "12 seats" not in page.content()
    assert chat.trouble == trouble == []


@pytest.mark.parametrize(
    ("viewport", "scheme"),
    [({"width": 1280, "height": 800}, "light"), (DESK, "dark"), (PHONE, "light")],
    ids=["light", "dark", "phone"],
)
def test_the_pages_are_readable_for_everybody(
    site: Site, page: Page, staff: Callable[..., Page], viewport: dict[str, int], scheme: str
) -> None:
    ChatPage(page, site.url).open().ask_and_wait("Do you sell bananas?")
    desk = staff("mira", viewport=viewport, color_scheme=scheme)
    found = {}
    for _ in ("list", "conversation", "data"):
        desk.wait_for_load_state("networkidle")
        desk.evaluate(AXE.read_text(encoding="utf-8"))
        seen = desk.evaluate(
            "(rules) => axe.run('#content-main', {runOnly: {type: 'tag', values: rules}})", RULES
        )
        wide = desk.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        wrong = [f"{rule['id']}: {node['target']}" for rule in seen["violations"] for node in rule["nodes"]]
        if wrong or wide > 0:
            found[desk.url] = [*wrong, f"{wide} px too wide"]
        step = desk.get_by_role("link", name="Export or erase all of it")
        if "/change/" not in desk.url:
            step = desk.locator(".lines tbody th a").first
        if step.count():
            step.click()
    assert found == {}
