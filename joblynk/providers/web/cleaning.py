"""What goes out to a search service, and what comes back from strangers' pages, made harmless."""

import html
import re
import unicodedata
from urllib.parse import urlsplit

_LONGEST_TEXT = 4_000  # of a customer
_LONGEST_QUERY = 300
_LONGEST_LINK = 2_048
_EMAIL = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")
# Seven digits or more, with the signs people put between them: telephone, account and order numbers.
# Years, versions and error codes are shorter and stay, because they are what the search is about.
_NUMBER = re.compile(r"[+(]?\d(?:[ \t().\-/]{0,3}\d){6,}")
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")


def anonymous(query: str) -> str:
    """The query on one line without e-mail addresses, telephone numbers and long runs of digits."""
    query = unicodedata.normalize("NFKC", plain(query, _LONGEST_TEXT))
    words = " ".join(_NUMBER.sub(" ", _EMAIL.sub(" ", query)).split())
    return words if len(words) <= _LONGEST_QUERY else words[:_LONGEST_QUERY].rsplit(" ", 1)[0]


def plain(text: object, longest: int) -> str:
    """One line of at most `longest` characters, without tags, control and invisible characters."""
    if not isinstance(text, str):
        return ""
    text = _TAG.sub(" ", html.unescape(text[: longest * 8]))
    visible = (
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter
        for letter in text
        if unicodedata.category(letter) not in ("Cf", "Cs", "Co", "Cn")
    )
    line = " ".join("".join(visible).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def web_link(link: object) -> str:
    """The link if it leads to a host by http or https, else ""."""
    if not isinstance(link, str) or len(link) > _LONGEST_LINK or not link.isprintable():
        return ""
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        return ""
    safe = parts.scheme in ("http", "https") and host and parts.username is None
    return link if safe and not set(link) & set(" <>\"'`\\") else ""
