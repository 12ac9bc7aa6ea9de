"""Pictures looked at by the model and by this server; what leaves, and every way in which it fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from joblynk.pictures import workshop
from joblynk.pictures.tests.drawing import encoded, picture
from joblynk.providers.errors import ProviderError
from joblynk.providers.types import Sight
from joblynk.providers.vision.groq import GroqVision
from joblynk.providers.vision.offline import OfflineVision
from joblynk.testing import arrivals
from joblynk.testing.arrivals import Arrived
from joblynk.testing.fake_groq import FakeGroq, failure
from joblynk.testing.fake_vision import FAILURES, reads, seen


@pytest.fixture(scope="module")
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as server:
        yield server
    workshop.shutdown()


def vision(groq: FakeGroq, seconds: float = 20.0) -> GroqVision:
    return GroqVision(api_key="none", base_url=groq.base_url, model="qwen/qwen3.8-27b", seconds=seconds)


def kept(folder: Path, name: str, width: int = 500, height: int = 300) -> Path:
    path = folder / f"{name}.png"
    path.write_bytes(encoded(picture(width, height, name)))
    return path


async def test_the_pixels_arrive_small_and_without_anything_else(groq: FakeGroq, tmp_path: Path) -> None:
    groq.requests.clear()
    groq.see(reads("Error E-1042", "A sign-in page."))
    large, small = kept(tmp_path, "large", 2_400, 1_200), kept(tmp_path, "small")
    provider = vision(groq)
    assert await provider.look([large, small]) == (Sight("Error E-1042", "A sign-in page."),) * 2
    await provider.aclose()
    (request,) = groq.requests
    arrived = [Arrived.read(data) for data in arrivals.pictures(request)]
    assert [one.size for one in arrived] == [(1_600, 800), (500, 300)]
    assert all(one.format == "JPEG" and not one.hidden for one in arrived)
    await workshop.shrink(small, tmp_path / "again.jpg", 1_600)
    assert arrived[1] == Arrived.read((tmp_path / "again.jpg").read_bytes())
    assert len(request.body) < 3_000_000
    assert request.json["reasoning_effort"] == "none"
    assert request.json["response_format"] == {"type": "json_object"}
    assert request.json["max_completion_tokens"] + 2 * 2_048 < 8_000


async def test_four_pictures_are_two_requests(groq: FakeGroq, tmp_path: Path) -> None:
    groq.requests.clear()
    groq.see(reads("text"))
    provider = vision(groq)
    assert len(await provider.look([kept(tmp_path, str(number)) for number in range(4)])) == 4
    await provider.aclose()
    assert [len(arrivals.pictures(request)) for request in groq.requests] == [3, 1]


@pytest.mark.parametrize("name", FAILURES)
async def test_every_failure_is_one_error_without_the_pictures_text(
    name: str, groq: FakeGroq, tmp_path: Path
) -> None:
    groq.see(FAILURES[name])
    provider = vision(groq, seconds=1.0 if name == "no answer" else 20.0)
    with pytest.raises(ProviderError) as error:
        await provider.look([kept(tmp_path, "a")])
    await provider.aclose()
    assert error.value.__context__ is None


async def test_what_passes_is_tried_once_more(groq: FakeGroq, tmp_path: Path) -> None:
    groq.see(failure(503), seen(("Error E-1042", "")))
    provider = vision(groq)
    assert await provider.look([kept(tmp_path, "a")]) == (Sight("Error E-1042"),)
    await provider.aclose()


async def test_what_the_model_says_is_cut_and_holds_no_control_characters(
    groq: FakeGroq, tmp_path: Path
) -> None:
    groq.see(seen(("a\x00b\u202ec" + "x" * 20_000, "y" * 2_000)))
    provider = vision(groq)
    (sight,) = await provider.look([kept(tmp_path, "a")])
    await provider.aclose()
    assert sight.text.startswith("abcx")
    assert (len(sight.text), len(sight.description)) == (8_000, 600)


@pytest.mark.timeout(240)  # the models load first, on a machine that may be busy
async def test_without_a_service_the_print_is_read_here(tmp_path: Path) -> None:
    image = Image.new("RGB", (760, 200), "white")
    image.paste(picture(760, 120, "Error E-1042 expired"), (0, 40))
    image.save(tmp_path / "a.png")
    (sight,) = await OfflineVision().look([tmp_path / "a.png"])
    assert sight.text == "Error E-1042 expired"
    assert sight.confidence is not None
    assert sight.confidence > 0.9


@pytest.mark.timeout(240)
async def test_a_picture_that_is_gone_is_an_error_and_an_empty_one_has_no_text(tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "white").save(tmp_path / "white.png")
    assert await OfflineVision().look([tmp_path / "white.png"]) == (Sight("", confidence=0.0),)
    with pytest.raises(ProviderError):
        await OfflineVision().look([tmp_path / "gone.png"])
