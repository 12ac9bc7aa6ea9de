"""Lists that people wrote by hand come in row by row, and go out again."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.management import CommandError, call_command

from videos import catalogue, demo_content, recommend
from videos.catalogue import NewChapter
from videos.models import Video
from videos.tests.builders import YOUTUBE_ID, a_video

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models_dir")]

FULL = {
    "title": "Mend a bicycle",
    "description": "Patch the tube.",
    "url": f"https://youtu.be/{YOUTUBE_ID}?t=9",
    "tags": ["bike"],
    "keywords": "tyre, bike",
    "duration": "PT1M15S",
    "thumbnail": "http://127.0.0.1:9/p.jpg",
    "timestamps": [
        {"time": "0:20", "title": "Patch", "text": "The hole."},
        "1:05 - Oil",
        {"start": 70, "label": "End"},
    ],
    "views": 7,
}


def bring(path: Path, rows: Any, *options: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and what was told."""
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    code = 0
    try:
        call_command("import_videos", str(path), *options)
    except CommandError as error:
        code = error.returncode
    return code, capsys.readouterr().out


def test_a_list_comes_in_and_again_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "videos.json"
    code, told = bring(
        path, [FULL, {"title": "Short", "url": "vimeo.com/76979871/8272103f6e"}], capsys=capsys
    )
    assert code == 0
    assert "1 new      Mend a bicycle (thumbnail not fetched: upload a poster; left out: views)" in told
    assert "2 new, 0 changed, 0 same, 0 refused." in told
    video = Video.objects.get(title="Mend a bicycle")
    assert (video.duration, video.starts_at, video.tags) == (75, 9, ["bike", "tyre"])
    assert [(one.start, one.title, one.text) for one in video.chapters.all()] == [
        (20, "Patch", "The hole."),
        (65, "Oil", ""),
        (70, "End", ""),
    ]
    assert Video.objects.get(title="Short").external_hash == "8272103f6e"
    assert recommend.recommend_now("how do I mend my bicycle?")[0].video_id == video.pk

    generation = catalogue.generation()
    code, told = bring(path, {"videos": [FULL]}, capsys=capsys)
    assert (code, catalogue.generation()) == (0, generation)
    assert "0 new, 0 changed, 1 same, 0 refused." in told
    code, told = bring(path, [{**FULL, "title": "Repair a bicycle"}], "--dry-run", capsys=capsys)
    assert "Nothing was changed. It would be: 0 new, 1 changed" in told
    assert not Video.objects.filter(title="Repair a bicycle").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": ""}, "title should have"),
        ({"title": 7}, "title should be a text"),
        ({"url": ""}, "has no url"),
        ({"url": "http://127.0.0.1:8000/watch?v=dQw4w9WgXcQ"}, "not an address that people watch"),
        ({"url": "https://example.org/a.mp4"}, "no address of YouTube or Vimeo"),
        ({"url": "", "file": "../../etc/passwd"}, "Upload it in the admin"),
        ({"duration": "soon"}, "duration is no time"),
        ({"duration": -1}, "duration is no time"),
        ({"duration": 30}, "Timestamp 2 lies behind the end"),
        ({"timestamps": ["no time"]}, "Timestamp 1 should have"),
        ({"timestamps": [{"time": 3}]}, "Timestamp 1 has no title"),
        ({"tags": {"a": 1}}, "tags should be a list"),
        ({"published": "yes"}, "published should be true or false"),
        ({"description": "x" * 5_001}, "over 5,000 characters"),
    ],
)
def test_a_row_that_cannot_be_taken_is_refused_with_its_reason_and_the_others_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], words: str
) -> None:
    rows = [{**FULL, **change}, {"title": "Another", "url": "https://vimeo.com/76979871"}]
    code, told = bring(tmp_path / "v.json", rows, "--json", capsys=capsys)
    report = json.loads(told)
    assert code == 1
    assert [row["verb"] for row in report["rows"]] == ["refused", "new"]
    assert words in report["rows"][0]["why"]
    assert [video.title for video in Video.objects.all()] == ["Another"]


def test_two_rows_of_one_source_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = bring(tmp_path / "v.json", [FULL, {**FULL, "title": "Again"}, "no object"], capsys=capsys)
    assert code == 1
    assert "2 refused  Again: Row 1 has the same source." in told
    assert "3 refused  (no title): It is not an object." in told


@pytest.mark.parametrize("text", ["", "[", "{}", '{"videos": 3}', "[" * 100_000, '"x"'])
def test_a_file_that_cannot_be_used_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    code, _ = bring(tmp_path / "v.json", text, capsys=capsys)
    assert code == 2
    assert not Video.objects.exists()


def test_what_is_written_is_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_video("One", chapters=((1.5, "First"), (20.0, "Second")), tags=["a", "b"], published=False)
    film = demo_content.FOLDER / "files" / "reset-your-password.webm"
    with film.open("rb") as content:
        catalogue.save(Video(title="A file"), file=File(content, "a.webm"))
    out = tmp_path / "out.json"
    call_command("export_videos", str(out))
    assert "2 videos in" in capsys.readouterr().out
    with pytest.raises(CommandError, match="exists"):
        call_command("export_videos", str(out))
    code, told = bring(out, out.read_text(encoding="utf-8"), capsys=capsys)
    assert (code, told.splitlines()[-1]) == (0, "0 new, 0 changed, 2 same, 0 refused.")
    catalogue.remove(Video.objects.filter(title="One").values_list("pk", flat=True))
    assert bring(out, out.read_text(encoding="utf-8"), capsys=capsys)[0] == 0
    back = Video.objects.get(title="One")
    assert (back.published, back.tags) == (False, ["a", "b"])
    assert [NewChapter(one.start, one.title) for one in back.chapters.all()] == [
        NewChapter(1.5, "First"),
        NewChapter(20.0, "Second"),
    ]
