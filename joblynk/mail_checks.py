"""System checks of the e-mail settings; see `joblynk.checks`."""

from collections.abc import Iterator
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from joblynk.checks import TAG, Apps
from joblynk.providers.options import checked_host, checked_key

ONE_ADDRESS = "Give exactly one address, such as Joblynk help <help@example.com>."


@register(TAG)
def check_mail(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    return [*_wrong_senders(), *_wrong_service()]


def _wrong_senders() -> Iterator[CheckMessage]:
    for name in ("DEFAULT_FROM_EMAIL", "MAIL_REPLY_TO"):
        value = getattr(settings, name)
        if value and not _is_one_address(value):
            yield Error(f"{name} is no e-mail address.", hint=ONE_ADDRESS, id="joblynk.E030")
    if settings.SENDGRID_API_KEY and _domain(settings.DEFAULT_FROM_EMAIL) == "localhost":
        hint = f"Set DEFAULT_FROM_EMAIL to a sender that SendGrid has verified. {ONE_ADDRESS}"
        yield Error("SENDGRID_API_KEY is set, but nobody to send from.", hint=hint, id="joblynk.E031")


def _wrong_service() -> Iterator[CheckMessage]:
    try:
        if settings.SENDGRID_API_KEY:
            checked_key("SENDGRID_API_KEY", settings.SENDGRID_API_KEY)
        checked_host("SENDGRID_HOST_URL", settings.SENDGRID_HOST_URL, "https://api.sendgrid.com")
        checked_host("SITE_URL", settings.SITE_URL, "https://help.example.com")
    except ImproperlyConfigured as error:
        yield Error(str(error), hint="Mails could not be sent, or would lead nowhere.", id="joblynk.E032")
    if not settings.SENDGRID_WEBHOOK_VERIFICATION_KEY:
        return
    from joblynk.providers.sendgrid_mail import webhook_key

    try:
        webhook_key(settings.SENDGRID_WEBHOOK_VERIFICATION_KEY)
    except ValueError:
        message = "SENDGRID_WEBHOOK_VERIFICATION_KEY is no public key."
        hint = "Copy it from SendGrid: Settings, Mail Settings, Event Webhook, Signature Verification."
        yield Error(message, hint=hint, id="joblynk.E033")


@register(Tags.security, deploy=True)
def check_site_url(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if not settings.SENDGRID_API_KEY or urlsplit(settings.SITE_URL).hostname != "localhost":
        return []
    hint = "Set SITE_URL to where customers find the site, such as https://help.example.com."
    return [Warning("The links in mails lead to localhost.", hint=hint, id="joblynk.W030")]


def _is_one_address(value: str) -> bool:
    name, address = parseaddr(value)
    try:
        validate_email(address)
    except ValidationError:
        return False
    return value.isprintable() and value in (address, f"{name} <{address}>", f'"{name}" <{address}>')


def _domain(value: str) -> str:
    return parseaddr(value)[1].rpartition("@")[2]
