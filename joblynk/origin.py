"""Which pages may open the chat socket.

Channels' `AllowedHostsOriginValidator` looks at the host alone, so `https://127.0.0.1:1` passes. Here
scheme, host and port must all be those of the page: the address the handshake was sent to, or one of
`PUBLIC_ORIGINS`.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

Scope = dict[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]
_DEFAULT_PORTS = {"http": 80, "https": 443}


def may_connect(headers: dict[bytes, bytes], scheme: str) -> bool:
    """`scheme` is http or https, as the customer's browser sees the site."""
    origin = _parse(headers.get(b"origin", b"").decode("latin-1"))
    host = headers.get(b"host", b"").decode("latin-1")
    if origin is None or not _is_ours(host):
        return False
    return origin == _parse(f"{scheme}://{host}") or origin in {_parse(o) for o in settings.PUBLIC_ORIGINS}


def _is_ours(host: str) -> bool:
    domain, _ = split_domain_port(host)
    allowed = settings.ALLOWED_HOSTS or [".localhost", "127.0.0.1", "[::1]"]
    return bool(domain) and validate_host(domain, allowed)


def _parse(origin: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of exactly an origin: no user, path, query or fragment."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    extra = parts.username or parts.password or parts.path or parts.query or parts.fragment
    if extra or "@" in parts.netloc or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port


class ExactOrigin:
    """ASGI middleware: a handshake from anywhere else is refused with close code 4403."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        secure = settings.HTTPS or scope.get("scheme") == "wss"
        if may_connect(dict(scope.get("headers", ())), "https" if secure else "http"):
            await self._application(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 4403})
