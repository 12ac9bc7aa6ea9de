"""Bytes of a text file → text, whatever wrote them."""

from knowledge.formats.types import ExtractError

_UNSURE = 0.1
"""Below it, measured on single lines in 12 encodings, a rare encoding was mostly the wrong one."""
_NUL = b"\0"  # UTF-16 and UTF-32 are full of it, and so are files that are no text
_ESCAPE = b"\x1b"  # ISO-2022 writes Japanese with it, in bytes that are sound ASCII


def decoded(raw: bytes) -> str:
    """UTF-8 if it is; else what a page of HTML declares, or what the bytes look like. Raises
    `ExtractError` when they look like no text."""
    if _NUL not in raw and _ESCAPE not in raw:
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
    encoding = _recognised(raw)
    try:
        return raw.decode(encoding).lstrip("\ufeff")
    except (UnicodeDecodeError, LookupError):
        raise ExtractError("damaged") from None


def _recognised(raw: bytes) -> str:
    from chardet import EncodingEra, detect  # takes longer than most texts take to read

    every = len(raw)
    found = detect(raw, max_bytes=every, compat_names=False)
    if found["confidence"] < _UNSURE:
        found = detect(raw, encoding_era=EncodingEra.MODERN_WEB, max_bytes=every, compat_names=False)
    if found["encoding"] is None:
        raise ExtractError("damaged")
    # Who says ISO-8859-1 means Windows-1252, which has quotation marks and the euro where that has nothing.
    return "cp1252" if found["encoding"] == "iso8859-1" else found["encoding"]
