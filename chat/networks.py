"""Which network a request or a socket comes from: what limits count that a new cookie must not escape."""

import ipaddress
from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

Headers = Iterable[tuple[bytes, bytes]]


def network_of(headers: Headers, peer: str) -> str:
    """An IPv4 address, or the /64 that one IPv6 customer has to himself; "" where there is none (a Unix
    socket). Behind proxies of ours it is whom the outermost of them named: what stands before
    that, anybody can write."""
    if proxies := settings.TRUSTED_PROXY_COUNT:
        named = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        hops = [hop for hop in named.decode("latin-1").replace(" ", "").split(",") if hop]
        peer = (hops[-proxies:] or [peer])[0]
    try:
        address = ipaddress.ip_address(peer.strip("[]"))
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if (mapped := address.ipv4_mapped) is not None:
            return str(mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def address_of(request: HttpRequest) -> str:
    """The first address of a request's network: what the lockout of the admin counts."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").encode("latin-1", "replace")
    network = network_of([(b"x-forwarded-for", forwarded)], request.META.get("REMOTE_ADDR", ""))
    return network.partition("/")[0]


def hashed(network: str) -> str:
    """To be stored: tells whether two are the same, not which they are."""
    return salted_hmac("chat.network", network).hexdigest()[:32] if network else ""
