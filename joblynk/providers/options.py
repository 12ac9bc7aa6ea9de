"""Checks of what settings hand to a provider, so that a slip shows at start and not to a customer.

Each raises `ImproperlyConfigured` naming the variable and what was expected, never the value of a key.
"""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def checked_key(variable: str, key: str) -> str:
    """A key that cannot stand in a header would be quoted by the HTTP library's error."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ImproperlyConfigured(f"{variable} is empty or holds characters that no key has.")
    return key


def checked_host(variable: str, base_url: str, example: str) -> str:
    """The address without a slash at its end."""
    base_url = base_url.rstrip("/")
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not base_url.isascii() or " " in base_url:
        raise ImproperlyConfigured(f"{variable} must look like {example}.")
    return base_url
