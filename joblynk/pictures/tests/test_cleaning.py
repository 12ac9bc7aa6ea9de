"""What becomes of strangers' files, in the real child process."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from joblynk.pictures import workshop
from joblynk.pictures.tests.drawing import animation, encoded, picture, png_of_size
from joblynk.pictures.types import MAX_BYTES, Cleaned, PictureError

ORIENTATION, GPS, COMMENT = 0x0112, 0x8825, 0x9286


@pytest.fixture(scope="module", autouse=True)
def children() -> Iterator[None]:
    yield
    workshop.shutdown()


async def clean(folder: Path, data: bytes) -> tuple[Cleaned, Image.Image]:
    source = folder / "upload"
    source.write_bytes(data)
    cleaned = await workshop.clean(source, folder / "picture", folder / "thumb")
    with Image.open(folder / "thumb") as thumb:
        assert max(thumb.size) <= 640
        assert thumb.format == "JPEG"
    return cleaned, Image.open(folder / "picture")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF"])
async def test_pictures_of_the_known_formats_are_written_anew(format: str, tmp_path: Path) -> None:
    data = encoded(picture(), format)
    if format == "TIFF":
        with pytest.raises(PictureError, match="unsupported"):
            await clean(tmp_path, data)
        return
    cleaned, kept = await clean(tmp_path, data)
    assert (cleaned.width, cleaned.height, cleaned.frames) == (400, 240, 1)
    assert kept.size == (400, 240)
    assert kept.format == ("JPEG" if format == "JPEG" else "PNG")


async def test_a_heic_of_a_phone_becomes_a_jpeg(tmp_path: Path) -> None:
    data = (Path(__file__).parent / "data" / "phone.heic").read_bytes()
    cleaned, kept = await clean(tmp_path, data)
    assert cleaned.format == "jpeg"
    assert kept.format == "JPEG"
    assert kept.size == (400, 240)
    assert b"canary" in data
    assert b"canary" not in (tmp_path / "picture").read_bytes()


async def test_screens_keep_every_pixel_and_photos_become_jpegs(tmp_path: Path) -> None:
    screen = picture(text="E-1042")
    _, kept = await clean(tmp_path, encoded(screen))
    assert kept.tobytes() == screen.tobytes()
    noise = Image.effect_noise((600, 400), 90).convert("RGB")
    noise = Image.merge(
        "RGB",
        (
            noise.getchannel(0),
            noise.rotate(90).resize(noise.size).getchannel(0),
            noise.rotate(180).getchannel(0),
        ),
    )
    assert (await clean(tmp_path, encoded(noise)))[0].format == "jpeg"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
async def test_it_is_turned_upright_and_tells_nothing_of_where_it_was_taken(
    format: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[GPS], exif[COMMENT] = 6, {1: "N", 2: (52.0, 31.0, 12.0)}, b"canary"
    sideways = picture().transpose(Image.Transpose.ROTATE_90)
    options = {"comment": b"canary"} if format == "JPEG" else {}
    cleaned, kept = await clean(tmp_path, encoded(sideways, format, exif=exif, **options))
    assert (cleaned.width, cleaned.height) == (400, 240)
    green = kept.convert("RGB").getchannel("G").tobytes()
    assert green[400 * 120 + 40] < 90 < green[400 * 60 + 360]
    for name in ("picture", "thumb"):
        stored = (tmp_path / name).read_bytes()
        assert b"canary" not in stored
        with Image.open(tmp_path / name) as image:
            assert not image.getexif()
            assert not {"exif", "comment", "icc_profile", "xmp"} & set(image.info)


async def test_what_is_see_through_stands_on_white(tmp_path: Path) -> None:
    image = picture().convert("RGBA")
    image.putalpha(0)
    _, kept = await clean(tmp_path, encoded(image))
    assert kept.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
async def test_of_a_thousand_frames_the_first_is_kept_and_the_others_are_told_of(
    format: str, tmp_path: Path
) -> None:
    cleaned, kept = await clean(tmp_path, animation(1_000 if format == "GIF" else 20, format))
    assert cleaned.frames > 1
    assert getattr(kept, "n_frames", 1) == 1


@pytest.mark.parametrize("hidden", [b"<html><script>alert(1)</script>", b"PK\x03\x04" + b"canary" * 9])
async def test_of_a_polyglot_only_the_picture_is_left(hidden: bytes, tmp_path: Path) -> None:
    await clean(tmp_path, encoded(picture()) + hidden)
    assert hidden[:12] not in (tmp_path / "picture").read_bytes()


_JPEG, _PNG = encoded(picture(900, 700), "JPEG"), encoded(picture(900, 700, "text"))
REFUSED = {
    "nothing": (b"", "empty"),
    "html": (b"<!doctype html><title>a.png</title>", "unsupported"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "drawing"),
    "svg with a head": (b'<?xml version="1.0"?><!-- png --><svg/>', "drawing"),
    "pdf": (b"%PDF-1.7", "unsupported"),
    "truncated jpeg": (_JPEG[: len(_JPEG) // 2], "damaged"),
    "truncated png": (_PNG[: len(_PNG) // 2], "damaged"),
    "only a head": (_PNG[:30], "damaged"),
    "a head and noise": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "damaged"),
    "10 MB and a byte": (_PNG + b"\0" * (MAX_BYTES + 1 - len(_PNG)), "too_large"),
    "26 million pixels": (png_of_size(5_200, 5_000), "too_many_pixels"),
    "a bomb of 81 million pixels": (png_of_size(9_000, 9_000), "too_many_pixels"),
    "a long strip": (png_of_size(20_001, 2), "too_long"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_picture_is_refused_by_name(name: str, tmp_path: Path) -> None:
    data, code = REFUSED[name]
    with pytest.raises(PictureError) as refusal:
        await clean(tmp_path, data)
    assert refusal.value.code == code
    assert refusal.value.words.endswith((".", "?"))


async def test_a_child_that_dies_costs_one_picture_and_the_next_gets_another_child(tmp_path: Path) -> None:
    small = workshop.Workshop("small", children=1, memory=128 * 1024 * 1024, cpu=10, wall=30.0, idle=60)
    (tmp_path / "upload").write_bytes(png_of_size(4_900, 5_000))
    paths = {key: str(tmp_path / key) for key in ("picture", "thumb")}
    question = {"do": "clean", "source": str(tmp_path / "upload"), **paths}
    with pytest.raises(PictureError):
        await small.ask(question)
    (tmp_path / "upload").write_bytes(encoded(picture(60, 40)))
    assert (await small.ask(question))["width"] == 60
    small.close()


async def test_the_end_of_the_process_waits_for_no_picture(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(png_of_size(4_900, 5_000))
    slow = workshop.Workshop("slow", children=1, memory=1 << 30, cpu=20, wall=60.0, idle=60)
    paths = {key: str(tmp_path / key) for key in ("picture", "thumb")}
    question = {"do": "clean", "source": str(tmp_path / "upload"), **paths}
    work = asyncio.create_task(slow.ask(question))
    while not slow._busy:  # noqa: ASYNC110  (filled by a thread)
        await asyncio.sleep(0.01)
    await asyncio.to_thread(slow.close)
    with suppress(PictureError):  # not raised by one that was quicker
        await work
    assert not slow._busy


async def test_a_child_that_was_idle_for_long_ends_and_is_replaced(tmp_path: Path) -> None:
    brief = workshop.Workshop("brief", children=1, memory=1 << 30, cpu=10, wall=30.0, idle=1)
    (tmp_path / "upload").write_bytes(encoded(picture(60, 40)))
    paths = {key: str(tmp_path / key) for key in ("picture", "thumb")}
    question = {"do": "clean", "source": str(tmp_path / "upload"), **paths}
    await brief.ask(question)
    (child,) = brief._free
    assert child.process.wait(30) == 0
    assert (await brief.ask(question))["width"] == 60
    brief.close()
