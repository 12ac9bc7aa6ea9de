"""The videos that ship with the product."""

import json
from pathlib import Path

import pytest

from joblynk import executors
from videos import catalogue, demo_content
from videos.demo.storyboard import FOLDER_OF_FILES, read_all
from videos.models import Video

MOST_BYTES, MOST_BYTES_TOGETHER = 300_000, 4_000_000
WEBM, WEBP = b"\x1a\x45\xdf\xa3", b"RIFF"


def test_what_is_committed_is_what_the_storyboards_say() -> None:
    boards = read_all()
    listed = json.loads((demo_content.FOLDER / "videos.json").read_text(encoding="utf-8"))["videos"]
    assert listed == [board.entry() for board in boards]
    for board in boards:
        captions = (FOLDER_OF_FILES / f"{board.slug}.vtt").read_text(encoding="utf-8")
        assert captions == board.captions()


def test_there_are_enough_short_and_small_ones() -> None:
    boards = read_all()
    assert len(boards) >= 12
    assert all(40 <= board.duration <= 120 for board in boards)
    films = [FOLDER_OF_FILES / f"{board.slug}.webm" for board in boards]
    assert all(film.read_bytes()[:4] == WEBM and film.stat().st_size < MOST_BYTES for film in films)
    stills = [FOLDER_OF_FILES / f"{board.slug}.webp" for board in boards]
    assert all(still.read_bytes()[:4] == WEBP for still in stills)
    assert sum(path.stat().st_size for path in FOLDER_OF_FILES.iterdir()) < MOST_BYTES_TOGETHER


def test_captions_follow_one_another_and_are_read_in_time() -> None:
    for board in read_all():
        ends = [scene.start + scene.seconds for scene in board.scenes]
        assert [scene.start for scene in board.scenes[1:]] == ends[:-1]
        assert all(len(scene.say) / scene.seconds <= 17 for scene in board.scenes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two of them."""
    listed = json.loads((demo_content.FOLDER / "videos.json").read_text(encoding="utf-8"))["videos"]
    (tmp_path / "videos.json").write_text(json.dumps({"videos": listed[:2]}), encoding="utf-8")
    (tmp_path / "files").symlink_to(FOLDER_OF_FILES)
    return tmp_path


@pytest.mark.django_db(transaction=True)
def test_loading_twice_is_once_and_brings_changes_back(folder: Path, models_dir: Path) -> None:
    assert demo_content.load(folder) == demo_content.Loaded(new=2)
    before = catalogue.generation()
    assert demo_content.load(folder) == demo_content.Loaded()
    assert catalogue.generation() == before
    first = Video.objects.order_by("pk").first()
    assert first is not None
    Video.objects.filter(pk=first.pk).update(title="Renamed", published=False)
    first.poster.storage.delete(first.poster.name)
    assert demo_content.load(folder) == demo_content.Loaded(changed=1)
    again = Video.objects.get(pk=first.pk)
    assert (again.title, again.published) == (first.title, False)
    assert again.poster.storage.exists(again.poster.name)
    assert Video.objects.count() == 2
    executors.shutdown()
