"""What can go wrong at Groq, in the product's words.

The messages of the service and of its SDK may quote the prompt, and those of the HTTP library the
key, so nothing of them is kept: only the status and the service's own error code.
"""

import re
from collections.abc import Mapping
from typing import Any

import groq
import httpx

from joblynk.providers.errors import ProviderCode, ProviderError

NAME = "groq"

FAILURES = (groq.GroqError, httpx.HTTPError, httpx.StreamError, ValueError, TimeoutError, OSError)
"""Everything the SDK lets out: its own errors until the response starts, raw ones after that."""

_RETRYABLE: frozenset[ProviderCode] = frozenset(
    {"timeout", "unreachable", "rate_limited", "bad_answer", "unavailable"}
)
_BY_ERROR_CODE: dict[str, ProviderCode] = {
    "model_decommissioned": "model_gone",
    "model_not_found": "model_gone",
    "context_length_exceeded": "too_large",
    "request_too_large": "too_large",
    "blocked_api_access": "quota",  # the spending limit is reached
    "json_validate_failed": "bad_answer",
    "tool_use_failed": "bad_answer",
    "rate_limit_exceeded": "rate_limited",  # also 413: prompt and allowance exceed the tokens a minute
    "invalid_api_key": "credentials",
}
_BY_STATUS: dict[int, ProviderCode] = {
    401: "credentials",
    403: "credentials",
    408: "timeout",
    409: "unavailable",
    413: "too_large",
    422: "bad_answer",  # the model wrote what the service itself refused
    424: "unavailable",
    429: "rate_limited",
    498: "rate_limited",  # no capacity
}
_SAFE_CODE = re.compile(r"[a-z_]{1,40}")
_LONGEST_WAIT = 3_600.0


def failure(code: ProviderCode, detail: str = "", retry_after: float | None = None) -> ProviderError:
    return ProviderError(NAME, code, retryable=code in _RETRYABLE, retry_after=retry_after, detail=detail)


def from_exception(error: Exception) -> ProviderError:
    """The `ProviderError` for one of `FAILURES`."""
    match error:
        case groq.APIStatusError():
            return from_status(error.status_code, error.body, error.response.headers)
        case groq.APITimeoutError() | httpx.TimeoutException() | TimeoutError():
            return failure("timeout")
        case UnicodeEncodeError():
            return failure("rejected", "text that is not Unicode")
        case groq.APIConnectionError() | httpx.TransportError() | OSError():
            return failure("unreachable", type(error).__name__)
        case _:
            return failure("bad_answer", type(error).__name__)


def from_status(status: int, body: object, headers: Mapping[str, str]) -> ProviderError:
    """`body` is the decoded answer: `{"error": {"code", …}}`, or anything a proxy may send."""
    named = error_code(body.get("error") if isinstance(body, dict) else None)
    code = _BY_ERROR_CODE.get(named) or _BY_STATUS.get(status)
    if code is None or status >= 500:
        code = "unavailable" if status >= 500 else "rejected"
    wait = _retry_after(headers) if code == "rate_limited" else None
    return failure(code, f"{status} {named}".strip(), wait)


def from_event(error: object) -> ProviderError:
    """An error that came inside a stream whose status was 200."""
    named = error_code(error)
    return failure(_BY_ERROR_CODE.get(named, "unavailable"), f"in the stream {named}".strip())


def error_code(error: Any) -> str:
    """The service's own code (else type) of an error object, "" unless it is a plain identifier."""
    if not isinstance(error, dict):
        return ""
    for value in (error.get("code"), error.get("type")):
        if isinstance(value, str) and _SAFE_CODE.fullmatch(value):
            return value
    return ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, if the service says so in seconds."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds <= _LONGEST_WAIT else None
