"""What uploaded files may make the tools do: measure themselves, and nothing else."""

from io import BytesIO
from pathlib import Path

import pytest

from joblynk.testing.http_server import FakeServer
from videos import demo_content, uploads

FILM = demo_content.FOLDER / "files" / "reset-your-password.webm"


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_a_playlist_in_a_videos_clothes_leads_nowhere(tmp_path: Path, kind: uploads.Kind) -> None:
    with FakeServer() as canary:
        disguised = tmp_path / f"film.{kind}"
        disguised.write_text(f"#EXTM3U\n#EXTINF:10,\n{canary.base_url}/film.ts\n#EXT-X-ENDLIST\n")
        assert uploads.measure(disguised, kind) == uploads.Measured()
    assert canary.accepted == 0


def test_a_torn_file_measures_nothing(tmp_path: Path) -> None:
    torn = tmp_path / "film.webm"
    torn.write_bytes(FILM.read_bytes()[:3_000])
    assert uploads.measure(torn, "webm").poster == b""


def test_a_video_is_told_by_its_content() -> None:
    content = FILM.read_bytes()
    assert uploads.checked_kind(BytesIO(content), len(content), 10_000_000) == "webm"
    mp4 = BytesIO(b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64)
    assert uploads.checked_kind(mp4, 76, 10_000_000) == "mp4"
    assert mp4.tell() == 0


def test_a_poster_has_640_pixels_at_most_and_nothing_but_pixels() -> None:
    still = FILM.with_suffix(".webp").read_bytes()
    made = uploads.poster_from(still + b"<?php evil();")
    assert made[8:12] == b"WEBP" and b"evil" not in made
    with pytest.raises(ValueError, match="picture"):
        uploads.poster_from(b"no picture at all")
