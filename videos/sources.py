"""Addresses that staff paste → what a player needs to know. Pure: nothing is ever fetched.

The host's own name for the video is taken out of the address and the player's address is built anew, so
nothing else of what somebody typed reaches a page. Whatever is not a known form is refused in words.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

Host = Literal["youtube", "vimeo"]

ADDRESS_LENGTH = 2_000
PLAYER_HOSTS = ("https://www.youtube-nocookie.com", "https://player.vimeo.com")
"""Everything that `player` can lead to: what a page must be allowed to frame."""

_YOUTUBE = {
    f"{prefix}{name}"
    for name in ("youtube.com", "youtube-nocookie.com")
    for prefix in ("", "www.", "m.", "music.")
}
_YOUTUBE_SHORT = {"youtu.be", "www.youtu.be"}
_VIMEO = {"vimeo.com", "www.vimeo.com", "player.vimeo.com"}
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_NO_IDS = {"videoseries", "live_stream"}  # eleven characters, but a list and a channel
_VIMEO_HASH = re.compile(r"[0-9a-f]{6,20}")
_VIMEO_PATH = re.compile(
    r"/(?:video/|manage/videos/|channels/[^/]{1,80}/|groups/[^/]{1,80}/videos/|ondemand/[^/]{1,80}/"
    r"|(?:album|showcase)/[0-9]{1,12}/video/)?([0-9]{5,12})(?:/([0-9a-f]{6,20}))?/?"
)
"""The number, alone or behind whatever the video is shown in, and the hash of an unlisted one."""
_IFRAME = re.compile(r"<iframe\b[^<>]{0,1500}?\bsrc=([\"'])([^\"'<>]{1,1500})\1", re.IGNORECASE)
_TIME = re.compile(r"(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,6}(?:\.\d{1,3})?)s?)?")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:\.\d{1,3})?)")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\uffff\U00010000-\U0010ffff\\]")

_KNOWN = (
    "Paste the address of one video at YouTube or Vimeo, as the browser or its Share button gives it, "
    "or upload the file instead."
)


@dataclass(frozen=True, slots=True)
class Source:
    """`external_hash` belongs to Vimeo's unlisted videos; `start`, in seconds, the address asked for."""

    host: Host
    external_id: str
    external_hash: str = ""
    start: float = 0.0


def read(address: str) -> Source:
    """Raises ValueError with words for staff."""
    address = address.strip()
    if len(address) > ADDRESS_LENGTH:
        raise ValueError(f"This address is too long. {_KNOWN}")
    if address.startswith("<") and (frame := _IFRAME.match(address)):
        address = frame[2].replace("&amp;", "&").strip()
    if not address or _UNSAFE.search(address):
        raise ValueError(f"This is not an address. {_KNOWN}")
    parts = _split(address)
    if parts.hostname in _YOUTUBE | _YOUTUBE_SHORT:
        return _youtube(parts)
    if parts.hostname in _VIMEO:
        return _vimeo(parts)
    raise ValueError(f"This is no address of YouTube or Vimeo. {_KNOWN}")


def player(source: Source, start: float = 0.0) -> str:
    """The address for the frame, from which playing begins at `start` seconds. YouTube's has no cookies,
    Vimeo's does not track."""
    second = max(0, int(start))
    if source.host == "youtube":
        query = {"autoplay": "1", "rel": "0", "playsinline": "1"} | ({"start": str(second)} if second else {})
        return f"{PLAYER_HOSTS[0]}/embed/{source.external_id}?{urlencode(query)}"
    query = {"dnt": "1", "autoplay": "1"} | ({"h": source.external_hash} if source.external_hash else {})
    address = f"{PLAYER_HOSTS[1]}/video/{source.external_id}?{urlencode(query)}"
    return f"{address}#t={second}s" if second else address


def page(source: Source, start: float = 0.0) -> str:
    """The address that people open, to watch from `start` seconds on."""
    second = max(0, int(start))
    if source.host == "youtube":
        time = f"&t={second}s" if second else ""
        return f"https://www.youtube.com/watch?v={source.external_id}{time}"
    unlisted = f"/{source.external_hash}" if source.external_hash else ""
    time = f"#t={second}s" if second else ""
    return f"https://vimeo.com/{source.external_id}{unlisted}{time}"


def seconds(text: str) -> float | None:
    """ "90", "90s", "1m30s", "1h2m3s", "1:30" and "1:02:03" in seconds; None for anything else."""
    text = text.strip().lower()
    found = _CLOCK.fullmatch(text) or (_TIME.fullmatch(text) if text else None)
    if found is None:
        return None
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest or 0)


def _split(address: str) -> SplitResult:
    if address.startswith("//"):
        address = f"https:{address}"
    elif "://" not in address:
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(f"This is not an address. {_KNOWN}") from None
    usual = {"https": 443, "http": 80}
    if parts.scheme not in usual or "@" in parts.netloc or port not in (None, usual[parts.scheme]):
        raise ValueError(f"This is not an address that people watch videos at. {_KNOWN}")
    return parts


def _youtube(parts: SplitResult) -> Source:
    steps = [step for step in parts.path.split("/") if step]
    query = _query(parts.query)
    named = ""
    if parts.hostname in _YOUTUBE_SHORT and len(steps) == 1:
        named = steps[0]
    elif steps == ["watch"]:
        named = query.get("v", "")
    elif len(steps) == 2 and steps[0] in ("watch", "shorts", "embed", "live", "v", "e"):
        named = steps[1]
    if not _YOUTUBE_ID.fullmatch(named) or named in _NO_IDS:
        raise ValueError(f"This address at YouTube names no single video. {_KNOWN}")
    times = (query.get(name, "") for name in ("t", "start", "time_continue"))
    return Source("youtube", named, start=_first_time(*times, _fragment_time(parts)))


def _vimeo(parts: SplitResult) -> Source:
    found = _VIMEO_PATH.fullmatch(parts.path)
    if not found:
        raise ValueError(f"This address at Vimeo names no single video. {_KNOWN}")
    query = _query(parts.query)
    unlisted = found[2] or query.get("h", "")
    if unlisted and not _VIMEO_HASH.fullmatch(unlisted):
        raise ValueError(f"The second half of this address is damaged. {_KNOWN}")
    return Source("vimeo", found[1], unlisted, _first_time(query.get("t", ""), _fragment_time(parts)))


def _query(text: str) -> dict[str, str]:
    """Raises ValueError when one name is given two values: nobody can tell which was meant."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(text, max_num_fields=50):
        if query.setdefault(name, value) != value:
            raise ValueError(f"This address says “{name}” twice. {_KNOWN}")
    return query


def _fragment_time(parts: SplitResult) -> str:
    return parts.fragment.removeprefix("t=") if parts.fragment.startswith("t=") else ""


def _first_time(*texts: str) -> float:
    return next((found for text in texts if text and (found := seconds(text)) is not None), 0.0)
