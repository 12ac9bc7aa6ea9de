"""Videos over HTTP: byte for byte, for whom, and with which headers."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.http import HttpResponseBase
from django.test import AsyncClient
from django.utils import timezone

from joblynk import executors
from videos import catalogue
from videos.captions import Caption
from videos.catalogue import NewChapter
from videos.models import Video, public_path
from videos.serving.ranges import Span, Unsatisfiable, holds, requested
from videos.serving.streaming import PIECE

pytestmark = pytest.mark.django_db(transaction=True)

BYTES = random.Random(5).randbytes(2 * PIECE + 1234)  # noqa: S311
SIZE = len(BYTES)
STILL = b"RIFF....WEBP"


@pytest.fixture
def video() -> Video:
    row = Video(title="Reset your password", provider="file", duration=81.5)
    catalogue.save(row, file=ContentFile(BYTES, "film.webm"), poster=STILL)
    catalogue.set_chapters(row.pk, [NewChapter(3, "Ask"), NewChapter(22, "Choose")])
    catalogue.put_captions(row.pk, "en", "English", [Caption(0, 3, "Reset <your> password")])
    return row


@pytest.fixture(autouse=True)
def _threads() -> Any:
    """Their connections would outlive the test's database."""
    yield
    executors.shutdown()


async def fetch(client: AsyncClient, path: str, method: str = "get", **headers: str) -> HttpResponseBase:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response: HttpResponseBase = await getattr(client, method)(path, headers=named)
    return response


async def body(response: Any) -> bytes:
    if not response.streaming:
        return bytes(response.content)
    return b"".join([piece async for piece in response])


def path_of(video: Video) -> str:
    return public_path(video.file.name)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-", Span(0, 1000)),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=200-299", Span(200, 300)),
        ("bytes=990-5000", Span(990, 1000)),
        ("bytes=-10", Span(990, 1000)),
        ("bytes=-5000", Span(0, 1000)),
        ("Bytes= 5-9 ", Span(5, 10)),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=9-5", None),
        ("bytes=0-1,5-9", None),
        ("lines=0-5", None),
        ("bytes=a-b", None),
        ("bytes=²-9", None),
        (f"bytes={'9' * 400}-", None),
    ],
)
def test_a_range_is_read_as_the_standard_says(header: str, span: Span | None) -> None:
    assert requested(header, 1000) == span


@pytest.mark.parametrize(("header", "size"), [("bytes=1000-", 1000), ("bytes=-0", 1000), ("bytes=0-", 0)])
def test_a_range_without_a_byte_of_the_file_is_refused(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        requested(header, size)


def test_only_a_strong_tag_or_the_same_time_proves_the_same_file() -> None:
    modified = "Sun, 22 Nov 2026 09:41:00 GMT"
    assert holds("", '"a"', modified)
    assert holds('"a"', '"a"', modified)
    assert holds(modified, '"a"', modified)
    assert not holds('W/"a"', '"a"', modified)
    assert not holds("Sun, 22 Nov 2026 09:41:01 GMT", '"a"', modified)


async def test_a_file_is_served_whole_with_headers_of_ours(async_client: AsyncClient, video: Video) -> None:
    response = await fetch(async_client, path_of(video))
    assert response.status_code == 200
    assert await body(response) == BYTES
    headers = response.headers
    assert headers["Content-Type"] == "video/webm"
    assert headers["Content-Length"] == str(SIZE)
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-", 0, SIZE),
        ("bytes=0-1", 0, 2),
        (f"bytes={PIECE - 7}-{PIECE + 6}", PIECE - 7, PIECE + 7),
        (f"bytes={SIZE - 3}-", SIZE - 3, SIZE),
        ("bytes=-500", SIZE - 500, SIZE),
    ],
)
async def test_a_range_is_served_byte_for_byte(
    async_client: AsyncClient, video: Video, asked: str, first: int, end: int
) -> None:
    response = await fetch(async_client, path_of(video), range=asked)
    assert response.status_code == 206
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/{SIZE}"
    assert response.headers["Content-Length"] == str(end - first)
    assert await body(response) == BYTES[first:end]


async def test_a_range_beyond_the_end_is_told_the_size(async_client: AsyncClient, video: Video) -> None:
    response = await fetch(async_client, path_of(video), range=f"bytes={SIZE}-")
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"


async def test_a_range_of_another_version_gets_the_whole_file(
    async_client: AsyncClient, video: Video
) -> None:
    etag = (await fetch(async_client, path_of(video), "head")).headers["ETag"]
    same = await fetch(async_client, path_of(video), range="bytes=5-9", if_range=etag)
    other = await fetch(async_client, path_of(video), range="bytes=5-9", if_range='"another"')
    assert (same.status_code, other.status_code) == (206, 200)
    assert await body(other) == BYTES


async def test_head_tells_of_the_file_without_it(async_client: AsyncClient, video: Video) -> None:
    response = await fetch(async_client, path_of(video), "head", range="bytes=0-9")
    assert response.status_code == 200
    assert await body(response) == b""
    assert response.headers["Content-Length"] == str(SIZE)
    assert response.headers["Accept-Ranges"] == "bytes"


async def test_what_the_browser_has_is_not_sent_again(async_client: AsyncClient, video: Video) -> None:
    etag = (await fetch(async_client, path_of(video), "head")).headers["ETag"]
    response = await fetch(async_client, path_of(video), if_none_match=etag)
    assert response.status_code == 304
    assert response.headers["Cache-Control"] == "private, no-cache"


async def test_a_player_is_told_what_it_needs(async_client: AsyncClient, video: Video) -> None:
    told = (await async_client.get(f"/api/videos/{video.pk}/")).json()
    assert (told["provider"], told["src"], told["embed"]) == ("file", path_of(video), "")
    assert [(one["start"], one["title"]) for one in told["chapters"]] == [(3, "Ask"), (22, "Choose")]
    [track] = told["captions"]
    assert (track["lang"], track["label"]) == ("en", "English")
    captions = await async_client.get(track["src"])
    assert captions.headers["Content-Type"] == "text/vtt; charset=utf-8"
    assert captions.content.startswith(
        b"WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nReset &lt;your&gt; password"
    )
    poster = await async_client.get(told["poster"])
    assert poster.headers["Content-Type"] == "image/webp"
    assert await body(poster) == STILL


async def test_a_provider_s_player_is_the_one_without_cookies(async_client: AsyncClient) -> None:
    row = Video(title="On YouTube", provider="youtube", external_id="dQw4w9WgXcQ")
    await executors.database(catalogue.save, row)
    await executors.database(catalogue.set_chapters, row.pk, [NewChapter(90, "Prices")])
    told = (await async_client.get(f"/api/videos/{row.pk}/")).json()
    assert told["src"] == ""
    assert told["embed"].startswith("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?")
    assert "start=90" in told["chapters"][0]["embed"]


def hidden(**changes: Any) -> Callable[[Video], int]:
    return lambda row: Video.objects.filter(pk=row.pk).update(**changes)


@pytest.mark.parametrize(
    "hide",
    [
        hidden(published=False),
        hidden(valid_from=timezone.now() + timedelta(days=1)),
        hidden(valid_until=timezone.now() - timedelta(days=1)),
    ],
)
async def test_customers_get_nothing_of_a_hidden_video_and_staff_all(
    async_client: AsyncClient, video: Video, hide: Callable[[Video], int]
) -> None:
    told = (await async_client.get(f"/api/videos/{video.pk}/")).json()
    paths = [f"/api/videos/{video.pk}/", path_of(video), told["poster"], told["captions"][0]["src"]]
    await executors.database(hide, video)
    for path in paths:
        response = await async_client.get(path)
        assert (path, response.status_code) == (path, 404)
        assert response.json()["text"] == "This video is no longer available."
    staff = await User.objects.acreate_user("carla", is_staff=True)
    await async_client.aforce_login(staff)
    assert [(await async_client.get(path)).status_code for path in paths] == [404] * 4
    await staff.user_permissions.aadd(await Permission.objects.aget(codename="view_video"))
    assert [(await async_client.get(path)).status_code for path in paths] == [200] * 4


async def test_a_file_that_is_gone_or_was_never_there_is_not_found(
    async_client: AsyncClient, video: Video
) -> None:
    video.file.storage.delete(video.file.name)
    names = ["0" * 32, "../" + "0" * 29, "0" * 31 + "%00", "joblynk.sqlite3"]
    paths = [path_of(video), *(f"/videos/{name}.webm" for name in names), "/videos/" + "0" * 32 + ".html"]
    assert {(await async_client.get(path)).status_code for path in paths} == {404}
