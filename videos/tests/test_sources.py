"""Every form that people paste, and what nobody should get in."""

import time

import pytest
from django.test import Client
from django.urls import reverse

from joblynk.testing.http_server import FakeServer
from videos import sources
from videos.models import Video
from videos.sources import Source

ID = "dQw4w9WgXcQ"

KNOWN = [
    (f"https://www.youtube.com/watch?v={ID}", Source("youtube", ID)),
    (f"https://www.youtube.com/watch?v={ID}&t=90s&list=PL0123456789&index=4", Source("youtube", ID, "", 90)),
    (f"https://m.youtube.com/watch?list=PL1&v={ID}&feature=share", Source("youtube", ID)),
    (f"http://youtube.com/watch?app=desktop&v={ID}#t=1m30s", Source("youtube", ID, "", 90)),
    (f"https://music.youtube.com/watch?v={ID}", Source("youtube", ID)),
    (f"https://youtu.be/{ID}", Source("youtube", ID)),
    (f"  youtu.be/{ID}?si=AbCdEf&t=1h2m3s ", Source("youtube", ID, "", 3723)),
    (f"https://www.youtube.com/shorts/{ID}?feature=share", Source("youtube", ID)),
    (f"https://www.youtube.com/embed/{ID}?start=15&autoplay=1", Source("youtube", ID, "", 15)),
    (f"https://www.youtube-nocookie.com/embed/{ID}", Source("youtube", ID)),
    (f"https://www.youtube.com/live/{ID}?si=x", Source("youtube", ID)),
    (f"//www.youtube.com/v/{ID}", Source("youtube", ID)),
    (f"www.youtube.com/watch/{ID}/", Source("youtube", ID)),
    (
        f'<iframe width="560" src="https://www.youtube.com/embed/{ID}?a=b&amp;start=7" title="x"></iframe>',
        Source("youtube", ID, "", 7),
    ),
    ("https://vimeo.com/76979871", Source("vimeo", "76979871")),
    ("vimeo.com/76979871#t=1m5s", Source("vimeo", "76979871", "", 65)),
    ("https://vimeo.com/76979871?share=copy&fl=sv", Source("vimeo", "76979871")),
    ("https://vimeo.com/76979871/8272103f6e", Source("vimeo", "76979871", "8272103f6e")),
    ("https://player.vimeo.com/video/76979871?h=8272103f6e&dnt=1", Source("vimeo", "76979871", "8272103f6e")),
    ("https://vimeo.com/channels/staffpicks/76979871", Source("vimeo", "76979871")),
    ("https://vimeo.com/channels/123456/76979871", Source("vimeo", "76979871")),
    ("https://vimeo.com/groups/shortfilms/videos/76979871", Source("vimeo", "76979871")),
    ("https://vimeo.com/showcase/1234567/video/76979871", Source("vimeo", "76979871")),
    ("https://vimeo.com/album/1234567/video/76979871", Source("vimeo", "76979871")),
    ("https://vimeo.com/manage/videos/76979871/8272103f6e", Source("vimeo", "76979871", "8272103f6e")),
    ("https://vimeo.com/ondemand/title/76979871", Source("vimeo", "76979871")),
]


def hostile(canary: str) -> list[str]:
    """Forty addresses that lead elsewhere, or nowhere. `canary` is "127.0.0.1:port"."""
    port = canary.rpartition(":")[2]
    return [
        f"http://{canary}/",
        f"http://{canary}/watch?v={ID}",
        f"https://{canary}/embed/{ID}",
        f"http://localhost:{port}/watch?v={ID}",
        f"http://[::1]:{port}/watch?v={ID}",
        f"http://0x7f000001:{port}/{ID}",
        f"http://2130706433:{port}/{ID}",
        f"http://127.1:{port}/{ID}",
        f"http://www.youtube.com@{canary}/watch?v={ID}",
        f"http://{canary}@www.youtube.com/watch?v={ID}",
        f"http://user:pass@youtu.be/{ID}",
        f"http://www.youtube.com:{port}/watch?v={ID}",
        f"http://{canary}#@youtube.com/watch?v={ID}",
        f"http://{canary}?@youtube.com/watch?v={ID}",
        f"http://{canary}\\@youtube.com/watch?v={ID}",
        f"http://youtube.com\\@{canary}/watch?v={ID}",
        f"http://youtube.com.evil.example/watch?v={ID}",
        f"https://evil-youtube.com/watch?v={ID}",
        f"https://youtube.com.:443/watch?v={ID}",
        f"https://yоutube.com/watch?v={ID}",  # noqa: RUF001  (the o is Cyrillic)
        f"https://youtube。com/watch?v={ID}",
        f"file:///etc/passwd?v={ID}",
        f"javascript:alert(1)//youtube.com/watch?v={ID}",
        f"data:text/html,<script>//www.youtube.com/watch?v={ID}",
        f"ftp://youtube.com/watch?v={ID}",
        f"gopher://{canary}/_GET%20/",
        f"https://www.youtube.com/redirect?q=http://{canary}/",
        f"https://www.youtube.com/oembed?url=http://{canary}/",
        f"https://www.youtube.com/watch?v={ID}&v=AAAAAAAAAAA",
        f"https://www.youtube.com/watch?v={ID}%22onload=alert(1)",
        "https://www.youtube.com/watch?v=<script>x</",
        "https://www.youtube.com/watch?v=../../../../x",
        f"https://www.youtube.com/watch?v={ID}\nHost: {canary}",
        f"https://www.youtube.com/watch?v={ID}\x00",
        "https://www.youtube.com/embed/videoseries?list=PL1",
        "https://www.youtube.com/embed/live_stream?channel=UC1",
        "https://www.youtube.com/playlist?list=PL1",
        f'<iframe src="http://{canary}/embed/{ID}"></iframe>',
        f"https://player.vimeo.com/video/1234567?h=http://{canary}/",
        f"https://vimeo.com/1234567/../{canary}",
    ]


@pytest.mark.parametrize(("address", "source"), KNOWN)
def test_every_form_that_people_paste_is_known(address: str, source: Source) -> None:
    assert sources.read(address) == source
    assert sources.read(sources.page(source)) == Source(source.host, source.external_id, source.external_hash)


def test_the_players_address_is_built_anew() -> None:
    assert sources.player(Source("youtube", ID), 71.6) == (
        f"https://www.youtube-nocookie.com/embed/{ID}?autoplay=1&rel=0&playsinline=1&start=71"
    )
    assert sources.player(Source("vimeo", "76979871", "8272103f6e"), 30) == (
        "https://player.vimeo.com/video/76979871?dnt=1&autoplay=1&h=8272103f6e#t=30s"
    )


@pytest.mark.django_db
def test_forty_hostile_addresses_are_refused_when_saved_and_nothing_is_fetched(admin_client: Client) -> None:
    with FakeServer() as canary:
        addresses = hostile(canary.base_url.removeprefix("http://"))
        assert len(addresses) == 40
        for address in addresses:
            data = {"title": "A video", "language": "en", "address": address, **NO_ROWS}
            response = admin_client.post(reverse("admin:videos_video_add"), data)
            assert response.status_code == 200, address
            assert "errorlist" in response.content.decode(), address
    assert canary.accepted == 0
    assert not Video.objects.exists()


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "https://youtu.be/" + "1h" * 50_000, "<iframe " + "a" * 90_000]
)
def test_a_huge_address_is_refused_at_once(text: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(ValueError, match="address"):
        sources.read(text)
    assert time.perf_counter() - begun < 1.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1m30s", 90), ("1:30", 90), ("1:02:03", 3723), ("2h", 7200), ("1:07.5", 67.5)],
)
def test_moments_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert sources.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1:2:3:4", "-5", "1e9", "5 minutes"])
def test_what_is_no_moment_is_none(text: str) -> None:
    assert sources.seconds(text) is None


NO_ROWS = {
    f"{prefix}-{name}": "0" for prefix in ("chapters", "tracks") for name in ("TOTAL_FORMS", "INITIAL_FORMS")
}
