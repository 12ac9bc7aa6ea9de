"""The ladder of readers: the model that sees, this server, and the plain word that nobody could."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat import readings
from chat.assistant.services import Seen
from chat.models import Attachment
from joblynk.pictures import workshop
from joblynk.pictures.tests.drawing import encoded, picture
from joblynk.providers.vision.groq import GroqVision
from joblynk.providers.vision.offline import OfflineVision
from joblynk.testing.arrivals import pictures
from joblynk.testing.fake_groq import FakeGroq
from joblynk.testing.fake_vision import FAILURES, reads


@pytest.fixture(scope="module")
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as server:
        yield server
    workshop.shutdown()


@pytest.fixture
def shown(tmp_path: Path, settings: Any) -> list[Attachment]:
    settings.MEDIA_ROOT = tmp_path
    found = []
    for name in ("Error E-1042", "Error E-2003"):
        (tmp_path / f"{name}.png").write_bytes(encoded(picture(760, 120, name)))
        found.append(Attachment(visitor="a" * 32, picture=f"{name}.png"))
    return found


def vision(groq: FakeGroq) -> GroqVision:
    return GroqVision(api_key="none", base_url=groq.base_url, model="qwen/qwen3.8-27b", seconds=30.0)


async def test_the_model_reads_all_pictures_in_one_request(groq: FakeGroq, shown: list[Attachment]) -> None:
    groq.requests.clear()
    groq.see(reads("Error E-1042", "A page with an error."))
    provider = vision(groq)
    found = await readings.look(shown, provider, OfflineVision())
    await provider.aclose()
    assert [(one.reader, one.text, one.description) for one in found] == [
        ("groq", "Error E-1042", "A page with an error.")
    ] * 2
    assert [len(pictures(request)) for request in groq.requests] == [2]


@pytest.mark.timeout(240)  # two readings on a machine that may be busy
async def test_when_the_model_fails_this_server_reads(groq: FakeGroq, shown: list[Attachment]) -> None:
    groq.see(FAILURES["not json"])
    provider = vision(groq)
    found = await readings.look(shown, provider, OfflineVision())
    await provider.aclose()
    assert [(one.reader, one.text, one.failure) for one in found] == [
        ("offline", "Error E-1042", ""),
        ("offline", "Error E-2003", ""),
    ]
    assert all(one.confidence and one.confidence > 0.9 for one in found)


@pytest.mark.timeout(240)
async def test_one_picture_that_nobody_can_read_does_not_cost_the_other(
    shown: list[Attachment], tmp_path: Path
) -> None:
    (tmp_path / "Error E-1042.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing else")
    lost, found = await readings.look(shown, OfflineVision(), OfflineVision())
    assert (lost.text, lost.failure) == ("", "bad_answer")
    assert (found.text, found.failure) == ("Error E-2003", "")


def test_a_correction_counts_as_the_pictures_text_even_where_nobody_could_read_it() -> None:
    assert readings.seen(Attachment(failure="timeout", correction="E-1042")) == Seen("E-1042")
    assert readings.seen(Attachment(text="E-1O42", correction="")) == Seen("")
    assert readings.seen(Attachment(failure="timeout")) == Seen(legible=False)
