"""Who a customer is: a random id in a signed cookie, made when the page is opened.

There is no account and no session row. The signature keeps anybody from choosing an id.
"""

import secrets
from collections.abc import Iterable

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse, parse_cookie

COOKIE = "joblynk_visitor"


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="chat.visitor")


def sign(visitor: str) -> str:
    """The cookie's value for this visitor."""
    return _signer().sign(visitor)


def read(value: str | None) -> str | None:
    """The visitor id (32 hex digits) of a cookie value, or None when it is missing, forged or too old."""
    if not value:
        return None
    try:
        return _signer().unsign(value, max_age=settings.SESSION_COOKIE_AGE) or None
    except BadSignature:
        return None


def of_request(request: HttpRequest) -> str | None:
    return read(request.COOKIES.get(COOKIE))


def of_headers(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The visitor of a WebSocket's handshake."""
    for name, value in headers:
        if name == b"cookie":
            # As Django reads a request's: `SimpleCookie` loses all of them to one that it cannot read.
            return read(parse_cookie(value.decode("latin-1")).get(COOKIE))
    return None


def remember(response: HttpResponse, visitor: str | None) -> str:
    """Set the cookie, again at each visit so that it lasts, for this visitor or a new one."""
    visitor = visitor or secrets.token_hex(16)
    response.set_cookie(
        COOKIE,
        sign(visitor),
        max_age=settings.SESSION_COOKIE_AGE,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )
    return visitor
