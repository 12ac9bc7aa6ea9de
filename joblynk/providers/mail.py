"""E-mail behind Django's API: files in a folder on a site that has no key, else SendGrid, which stands in
`sendgrid_mail`.

`send_messages` sends one message or raises `MailError`. It leaves the service's id in the message's
`service_id`. Build a new message for each try.
"""

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from joblynk.providers.errors import ProviderCode, ProviderError


class MailError(ProviderError):
    """The mail was not taken, or with `maybe_sent` nobody knows whether it was."""

    def __init__(self, code: ProviderCode, *, maybe_sent: bool = False, **more: Any) -> None:
        super().__init__("mail", code, **more)
        self.maybe_sent = maybe_sent


class OutgoingMail(EmailMultiAlternatives):
    """`custom_args` come back with every event that the service reports of this mail."""

    service_id = ""

    def __init__(self, *arguments: Any, custom_args: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.custom_args = custom_args or {}


class FolderMail(BaseEmailBackend):
    """Each mail as a file in `settings.MAIL_DIR` that mail programs open. Nothing leaves this machine."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAIL_DIR)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for message in email_messages:
                _write(folder / _file_name(message), message.message().as_bytes())
        except OSError as error:
            raise MailError("unavailable", retryable=True, detail=type(error).__name__) from None
        return len(email_messages)


def forget_files(delivery: str) -> int:
    """Remove what `FolderMail` kept of the mails whose custom argument `delivery` is this; how many."""
    found = list(Path(settings.MAIL_DIR).glob(f"*_{delivery}.eml"))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _file_name(message: EmailMessage) -> str:
    """By time, then by delivery: the same mail again takes a name of its own within a second."""
    name = getattr(message, "custom_args", {}).get("delivery") or secrets.token_hex(16)
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}_{name}.eml"


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, for this user's eyes."""
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
