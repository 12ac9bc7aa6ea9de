"""E-mail by SendGrid, and the signatures of what it tells. Loaded by sites that have a key alone: what it
needs takes 8 MB."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from http.client import HTTPException
from threading import Thread
from typing import Any
from urllib.error import URLError

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings
from django.core.mail import EmailMessage
from python_http_client.exceptions import HTTPError
from sendgrid_backend.mail import SendgridBackend

from joblynk.providers.errors import ProviderCode
from joblynk.providers.mail import MailError

_LONGEST_WAIT = 3_600.0  # seconds that a "try again later" may ask for
_CODES: dict[int, ProviderCode] = {
    401: "credentials",
    403: "credentials",
    413: "too_large",
    429: "rate_limited",
}
_UNCLEAR = frozenset({502, 504})  # a gateway speaks; what is behind it may have taken the mail
_FIELD = re.compile(r"[a-z0-9_.\[\]]{1,60}", re.IGNORECASE)


class SendGridMail(SendgridBackend):  # type: ignore[misc]  # it ships no types
    """With a time limit, one kind of error, and headers that stay as they were."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.sg.client.timeout = settings.MAIL_SECONDS
        self._success = 200 if self.sandbox_mode else 202

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            message.service_id = self._post(self._build_sg_mail(message))  # type: ignore[attr-defined]
        return len(email_messages)

    def _post(self, mail: dict[str, Any]) -> str:
        try:
            answer = _within(
                settings.MAIL_TOTAL_SECONDS, lambda: self.sg.client.mail.send.post(request_body=mail)
            )
        except HTTPError as error:
            raise _refusal(error) from None
        except URLError:  # while connecting or sending: the service does not have the whole mail
            raise MailError("unreachable", retryable=True) from None
        except TimeoutError:
            raise MailError("timeout", retryable=True, maybe_sent=True) from None
        except (OSError, HTTPException, ValueError):
            raise MailError("unreachable", retryable=True, maybe_sent=True) from None
        if answer.status_code != self._success:
            raise MailError("bad_answer", retryable=True, maybe_sent=True, detail=str(answer.status_code))
        return str(answer.headers.get("X-Message-Id") or "")[:120]


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """The library knows a limit of silence only: a service that says a byte now and then would hold the
    worker for ever. Raises TimeoutError, and leaves the call to end in a thread of its own."""
    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except Exception as error:  # noqa: BLE001 - it is raised where the result is awaited
            outcome.set_exception(error)

    Thread(target=run, name="mail", daemon=True).start()
    return outcome.result(seconds)


def _refusal(error: HTTPError) -> MailError:
    status = int(error.status_code)
    code = _CODES.get(status) or ("unavailable" if status >= 500 else "rejected")
    return MailError(
        code,
        retryable=status == 429 or status >= 500,
        maybe_sent=status in _UNCLEAR,
        retry_after=_seconds(error.headers),
        detail=f"{status} {_field(error)}".strip(),
    )


def _seconds(headers: Any) -> float | None:
    try:
        return max(0.0, min(float(headers.get("Retry-After")), _LONGEST_WAIT))
    except (TypeError, ValueError):
        return None


def _field(error: HTTPError) -> str:
    """What the service complains of. Its words are left out: they may quote the customer's address."""
    try:
        name = error.to_dict["errors"][0]["field"]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return name if isinstance(name, str) and _FIELD.fullmatch(name) else ""


def webhook_key(text: str) -> EllipticCurvePublicKey:
    """The key as SendGrid shows it (base64 of DER). Raises ValueError."""
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, UnsupportedAlgorithm) as error:
        raise ValueError("not a public key") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("not a key on an elliptic curve")
    return key


def is_signed(key: EllipticCurvePublicKey, body: bytes, signature: str, timestamp: str) -> bool:
    """Whether SendGrid signed exactly these bytes at that time. A signature that is none is just wrong."""
    try:
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
