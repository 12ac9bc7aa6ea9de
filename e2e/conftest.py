"""A running site with the demo content and a language model whose pace the test sets."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from e2e.chat_page import ChatPage
from joblynk.testing.fake_groq import FakeGroq
from joblynk.testing.settings import RUN_DIR
from joblynk.testing.sites import Site, Sites

expect.set_options(timeout=30_000)  # a right page on a busy machine; a wrong one waits no longer than that


@pytest.fixture(scope="session")
def model() -> Iterator[FakeGroq]:
    """Groq's place. Play something before asking: the fixture is shared."""
    with FakeGroq() as server:
        yield server


@pytest.fixture(scope="session")
def running_sites(models_dir: Path) -> Iterator[Sites]:
    sites = Sites(RUN_DIR, models_dir)
    yield sites
    sites.close()


@pytest.fixture(scope="session")
def offline_site(running_sites: Sites) -> Site:
    """Answers by quoting its guides, as every site without a key does."""
    return running_sites.start(content="demo", env={"CHAT_MESSAGES_PER_MINUTE": "0"})


@pytest.fixture(scope="session")
def model_site(running_sites: Sites, model: FakeGroq) -> Site:
    """The same content, answered by the model."""
    site = running_sites.adopt(Site(running_sites.copy("demo")))
    site.env = {"GROQ_API_KEY": "none", "GROQ_BASE_URL": model.base_url, "CHAT_MESSAGES_PER_MINUTE": "0"}
    return site.start()


@pytest.fixture
def chat(page: Page, offline_site: Site) -> ChatPage:
    return ChatPage(page, offline_site.url).open()


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Another visitor's browser window: `open_tab(viewport=…, color_scheme=…)`."""
    contexts: list[BrowserContext] = []

    def open_tab(**options: Any) -> Page:
        contexts.append(browser.new_context(locale="en-GB", **options))
        return contexts[-1].new_page()

    yield open_tab
    for context in contexts:
        context.close()
