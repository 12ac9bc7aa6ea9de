import threading
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from joblynk.providers import registry


class Counted:
    built = 0
    closed = 0

    def __init__(self, **options: Any) -> None:
        type(self).built += 1
        self.options = options

    async def aclose(self) -> None:
        type(self).closed += 1


class Stubborn(Counted):
    async def aclose(self) -> None:
        raise ConnectionError


@pytest.fixture(autouse=True)
def _fresh(settings: Any) -> Any:
    Counted.built = Counted.closed = 0
    settings.PROVIDERS = {
        "llm": {"BACKEND": f"{__name__}.Counted", "OPTIONS": {"model": "a"}},
        "offline_llm": {"BACKEND": f"{__name__}.Stubborn", "OPTIONS": {}},
        "web": {"BACKEND": "joblynk.providers.web.offline.NoWebSearch", "OPTIONS": {}},
        "embedder": {"BACKEND": "joblynk.nowhere.Embedder", "OPTIONS": {}},
    }
    yield
    registry.reset()


def test_a_provider_is_built_once_however_many_threads_ask_for_it() -> None:
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(registry.get("llm"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 20
    assert len(set(map(id, got))) == Counted.built == 1
    assert got[0].options == {"model": "a"}  # type: ignore[attr-defined]


def test_changed_settings_bring_another_provider(settings: Any) -> None:
    before = registry.get("llm")
    settings.PROVIDERS = {**settings.PROVIDERS}
    assert registry.get("llm") is not before


def test_other_settings_leave_the_providers_alone(settings: Any) -> None:
    before = registry.get("llm")
    settings.SITE_NAME = "Another"
    assert registry.get("llm") is before


async def test_closing_forgets_all_of_them_even_when_one_fails(caplog: pytest.LogCaptureFixture) -> None:
    before = registry.get("llm")
    registry.get("offline_llm")
    await registry.aclose_all()
    assert Counted.closed == 1
    assert "Stubborn did not close cleanly" in caplog.text
    assert registry.get("llm") is not before


async def test_without_a_key_there_is_no_web_search() -> None:
    web = registry.get("web")
    assert not web.enabled
    assert await web.search("anything", 3) == ()


def test_a_back_end_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match=r'PROVIDERS\["embedder"\]'):
        registry.get("embedder")
