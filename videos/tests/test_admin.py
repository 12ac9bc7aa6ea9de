"""Staff write videos; what they type is never markup, and who may not is refused."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from videos import catalogue, demo_content, recommend
from videos.models import CaptionTrack, Video
from videos.tests.builders import CUES, YOUTUBE_ID, a_video

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models_dir")]

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
FILMS = demo_content.FOLDER / "files"
BASE: dict[str, Any] = {
    "title": "Mend a bicycle",
    "language": "en",
    "published": "on",
    **{f"{kind}-{name}": "0" for kind in ("chapters", "tracks") for name in ("TOTAL_FORMS", "INITIAL_FORMS")},
}
BACKWARDS = {
    "valid_from_0": "2026-02-02",
    "valid_from_1": "10:00",
    "valid_until_0": "2026-02-01",
    "valid_until_1": "10:00",
}
ADDRESS = f"https://youtu.be/{YOUTUBE_ID}?t=42"


def add(client: Client, **data: Any) -> str:
    """The text of the page that answers; empty when it was saved."""
    response = client.post(reverse("admin:videos_video_add"), {**BASE, **data})
    return "" if response.status_code == 302 else response.content.decode()


def edit(client: Client, video: Video, **data: Any) -> str:
    page = reverse("admin:videos_video_change", args=(video.pk,))
    response = client.post(page, {**BASE, "title": video.title, **data})
    return "" if response.status_code == 302 else response.content.decode()


def chapters(*rows: tuple[int, str, str]) -> dict[str, Any]:
    data: dict[str, Any] = {"chapters-TOTAL_FORMS": len(rows)}
    for number, (position, start, title) in enumerate(rows):
        data |= {
            f"chapters-{number}-{name}": value
            for name, value in zip(("position", "start", "title"), (position, start, title), strict=True)
        }
    return data


def film(name: str = "../../evil\u202e.webm") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, (FILMS / "reset-your-password.webm").read_bytes(), "text/html")


def test_a_pasted_address_becomes_a_source_with_its_time(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        saved = add(
            admin_client,
            address=ADDRESS,
            duration="1:15",
            tags="bike,  tyre, bike",
            **chapters((1, "0:40", "Later"), (0, "1m", "First")),
        )
    assert saved == ""
    video = Video.objects.get()
    assert (video.provider, video.external_id, video.starts_at) == ("youtube", YOUTUBE_ID, 42)
    assert (video.duration, video.tags) == (75, ["bike", "tyre"])
    assert [(row.title, row.start) for row in video.chapters.all()] == [("First", 60), ("Later", 40)]
    assert recommend.recommend_now("how do I mend my bicycle?")[0].video_id == video.pk


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Give the address of the video"),
        ({"address": "https://example.org/film.mp4"}, "no address of YouTube or Vimeo"),
        ({"address": ADDRESS, "upload": film("a.webm")}, "not both"),
        ({"upload": SimpleUploadedFile("a.mp4", b"<html>" + b" " * 100)}, "no video that browsers play"),
        ({"upload": SimpleUploadedFile("a.webm", b"\x1aE\xdf\xa3 matroska")}, "no video that browsers play"),
        ({"upload": SimpleUploadedFile("a.mp4", b"\x00\x00\x00\x14ftypqt  ")}, "no video that browsers play"),
        ({"address": ADDRESS, "poster_upload": SimpleUploadedFile("a.png", b"<svg/>")}, "SVG"),
        ({"address": ADDRESS, "captions_upload": SimpleUploadedFile("a.vtt", b"none")}, "no captions"),
        ({"address": ADDRESS, "language": "<b>"}, "no language tag"),
        ({"address": ADDRESS, "duration": "soon"}, "This is no time"),
        ({"address": ADDRESS, **BACKWARDS}, "not after the first"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(
    admin_client: Client, data: dict[str, Any], words: str
) -> None:
    assert words in add(admin_client, **data)
    assert not Video.objects.exists()


def test_an_uploaded_file_is_stored_under_a_name_of_our_own_and_measured(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert add(admin_client, upload=film()) == ""
    video = Video.objects.get()
    assert video.file.name.startswith("videos/") and video.file.name.endswith(".webm")
    assert len(Path(video.file.name).stem) == 32
    assert video.size == (FILMS / "reset-your-password.webm").stat().st_size
    # ffmpeg may be missing; what it says is right where it is there.
    assert video.duration is None or video.duration == pytest.approx(80, abs=5)
    assert not video.poster or video.poster.read()[8:12] == b"WEBP"


def test_a_file_over_the_limit_is_refused(admin_client: Client, settings: Settings) -> None:
    settings.VIDEO_MAX_MB = 0
    assert "A video may have 0 MB" in add(admin_client, upload=film())


def test_a_poster_is_made_anew_and_can_be_removed(admin_client: Client) -> None:
    still = (FILMS / "reset-your-password.webp").read_bytes()
    poster = SimpleUploadedFile("p.webp", still + b"<script>")
    assert add(admin_client, address=ADDRESS, poster_upload=poster) == ""
    video = Video.objects.get()
    content = video.poster.read()
    assert content[8:12] == b"WEBP" and b"<script>" not in content
    assert edit(admin_client, video, address=ADDRESS, poster_away="on") == ""
    assert Video.objects.get().poster.name == ""


def test_captions_are_searched_and_make_chapters_on_request(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    said = SimpleUploadedFile("c.vtt", (FILMS / "reset-your-password.vtt").read_bytes())
    with django_capture_on_commit_callbacks(execute=True):
        assert add(admin_client, address=ADDRESS, captions_upload=said, captions_use="both") == ""
    video = Video.objects.get()
    assert video.tracks.get().cues.count() == 12
    assert video.chapters.count() >= 3
    found = recommend.recommend_now("should I look in the spam folder when there is no e-mail?")
    assert found[0].start == pytest.approx(56, abs=6)
    listed = SimpleUploadedFile("c.vtt", b"WEBVTT\n\n00:00.000 --> 00:09.000\nOnly one\n")
    data = {"captions_upload": listed, "captions_use": "chapters", "address": ADDRESS}
    assert edit(admin_client, video, **data) == ""
    assert [row.title for row in video.chapters.all()] == ["Only one"]
    assert CaptionTrack.objects.count() == 1


def test_the_test_box_shows_scores_the_threshold_and_why(admin_client: Client) -> None:
    a_video(cues=CUES)
    a_video("Bake a loaf of bread")
    text = admin_client.get(
        reverse("admin:videos_video_try"), {"q": "how do I mend my bicycle tube?"}
    ).content.decode()
    assert (
        text.index("Mend a bicycle") < text.index("Threshold 0.40: nothing below") < text.index("Bake a loaf")
    )
    assert "below the threshold" in text and "0:20" in text


@pytest.mark.django_db(transaction=True)
def test_the_pages_show_what_staff_typed_as_text(admin_client: Client) -> None:
    video = a_video(
        EVIL, description=EVIL, tags=[EVIL], chapters=((0.0, EVIL),), cues=(CUES[1]._replace(text=EVIL),)
    )
    catalogue.put_captions(video.pk, "de", EVIL[:60], CUES)
    pages = [
        reverse("admin:videos_video_changelist"),
        reverse("admin:videos_video_change", args=(video.pk,)),
        reverse("admin:videos_video_delete", args=(video.pk,)),
        reverse("admin:videos_video_history", args=(video.pk,)),
        reverse("admin:videos_video_try") + "?q=" + EVIL,
        reverse("video", args=(video.pk,)),
    ]
    for page in pages:
        response = admin_client.get(page)
        assert response.status_code == 200, page
        if "json" not in response["Content-Type"]:
            assert "<script>alert" not in response.content.decode(), page
            assert "<img src=x" not in response.content.decode(), page
    track = admin_client.get(reverse("video_captions", args=(video.pk, video.tracks.first().pk)))  # type: ignore[union-attr]
    assert "<script>" not in track.content.decode()
    assert track["Content-Type"].startswith("text/vtt")
