"""System checks of the configuration. A wrong setting fails here, at start, and names its remedy.

Errors run before every management command and before `serve`; the infos, which say what the site has
chosen, come with `check --deploy`.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, register, run_checks
from django.core.exceptions import ImproperlyConfigured

TAG = "configuration"
ASGI_SERVERS = ("daphne", "uvicorn")
SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")

Apps = Sequence[AppConfig] | None


@register(TAG, Tags.security)
def check_secret_key(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    with suppress(ImproperlyConfigured):  # Django raises it for an empty key, and tells nobody what to do
        if settings.SECRET_KEY:
            return []
    hint = "Set SECRET_KEY, or SECRET_KEY_FILE to a file that holds it. `make secret` makes var/secret_key."
    return [Error("SECRET_KEY is missing: sessions cannot be signed.", hint=hint, id="joblynk.E001")]


@register(TAG, Tags.security)
def check_allowed_hosts(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if settings.DEBUG or "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Name the hosts: ALLOWED_HOSTS=help.example.com,localhost."
    return [Error("ALLOWED_HOSTS has '*': any name leads to the site.", hint=hint, id="joblynk.E002")]


@register(TAG, Tags.security)
def check_public_origins(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    hint = "An origin is scheme://host[:port] and nothing more, such as https://help.example.com."
    return [
        Error(f"PUBLIC_ORIGINS has {origin!r}, which is no origin.", hint=hint, id="joblynk.E003")
        for origin in settings.PUBLIC_ORIGINS
        if not _is_origin(origin)
    ]


@register(TAG)
def check_settings_without_key(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{', '.join(given)} set, but not {key}: the service stays off.",
            hint=f"Set {key}, or remove {', '.join(given)}.",
            id="joblynk.E004",
        )
        for key, given in settings.SETTINGS_WITHOUT_KEY.items()
        if given
    ]


@register(TAG)
def check_channel_layer(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if settings.WEB_PROCESSES <= 1 or settings.CHANNEL_LAYERS:
        return []
    message = f"WEB_CONCURRENCY={settings.WEB_PROCESSES}, but the web processes cannot hear each other."
    hint = "Set REDIS_URL, such as redis://localhost:6379/0, or run one web process."
    return [Error(message, hint=hint, id="joblynk.E005")]


@register(TAG)
def check_addresses_of_services(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    return list(_wrong_addresses())


def _wrong_addresses() -> Iterator[CheckMessage]:
    if settings.REDIS_URL and urlsplit(settings.REDIS_URL).scheme not in ("redis", "rediss", "unix"):
        hint = "Use redis://host:6379/0, rediss:// for TLS, or unix:///path/to/redis.sock."
        yield Error("REDIS_URL is no address of a Redis.", hint=hint, id="joblynk.E006")
    for role, provider in settings.PROVIDERS.items():
        address = provider["OPTIONS"].get("base_url")
        if address is not None and not _is_origin(address.rstrip("/")):
            hint = "Give the scheme and the host only, such as https://api.groq.com; paths are added."
            yield Error(f"The address of the provider {role!r} is wrong.", hint=hint, id="joblynk.E007")


@register(TAG)
def check_choices(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    return list(_wrong_choices())


def _wrong_choices() -> Iterator[CheckMessage]:
    if settings.ASGI_SERVER not in ASGI_SERVERS:
        hint = f"Use {' or '.join(ASGI_SERVERS)}."
        yield Error(f"ASGI_SERVER={settings.ASGI_SERVER!r} is unknown.", hint=hint, id="joblynk.E008")
    if settings.SQLITE_SYNCHRONOUS.upper() not in SYNCHRONOUS:
        message = f"SQLITE_SYNCHRONOUS={settings.SQLITE_SYNCHRONOUS!r} is unknown."
        yield Error(message, hint=f"Use one of {', '.join(SYNCHRONOUS)}.", id="joblynk.E009")
    if not 0 < settings.CHAT_FIRST_TOKEN_SECONDS < settings.CHAT_ANSWER_SECONDS:
        message = "CHAT_FIRST_TOKEN_SECONDS is not between 0 and CHAT_ANSWER_SECONDS."
        hint = "The first word has to come before the whole answer is due: 8 and 45 are the defaults."
        yield Error(message, hint=hint, id="joblynk.E010")
    if settings.LOG_FORMAT not in ("line", "json"):
        message = f"LOG_FORMAT={settings.LOG_FORMAT!r} is unknown."
        yield Error(message, hint="Use line or json.", id="joblynk.E031")
    if settings.SENTRY_DSN and find_spec("sentry_sdk") is None:
        message = "SENTRY_DSN is set, but the package that reports there is missing."
        yield Error(message, hint="pip install sentry-sdk, or remove SENTRY_DSN.", id="joblynk.E030")
    for name in ("DATABASE_THREADS", "WEB_PROCESSES"):
        if getattr(settings, name) < 1:
            yield Error(f"{name} is below 1.", hint="Nothing would run. Use 1 or more.", id="joblynk.E011")


def refuse_wrong_settings() -> None:
    """Raises ImproperlyConfigured with every error of the configuration and its remedy."""
    errors = [found for found in run_checks(tags=[TAG]) if found.is_serious()]
    if errors:
        raise ImproperlyConfigured("\n".join(f"{e.id}: {e.msg} {e.hint or ''}" for e in errors))


@register(TAG, deploy=True)
def report_providers(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    return [Info(text, id=f"joblynk.I{number:03}") for number, text in enumerate(choices(), start=1)]


def choices() -> tuple[str, str, str, str, str, str]:
    """What the settings chose, one sentence each: answers, web, embedding, database, live events, mail."""
    llm, web = settings.PROVIDERS["llm"]["OPTIONS"], settings.PROVIDERS["web"]["OPTIONS"]
    return (
        f"Answers are written by Groq, model {llm['model']}."
        if "model" in llm
        else "Answers are quoted from the knowledge base, because GROQ_API_KEY is not set.",
        "The web is searched with Serper when the knowledge base has no answer."
        if "api_key" in web
        else "The web is not searched, because SERPER_API_KEY is not set.",
        f"Texts are embedded by {settings.EMBEDDING_MODEL}."
        if settings.EMBEDDING_MODEL
        else "Texts are embedded by the packaged all-MiniLM-L6-v2.",
        f"Data is kept in {settings.DATABASES['default']['ENGINE'].rpartition('.')[2]}.",
        "Web processes hear of each other through Redis."
        if settings.CHANNEL_LAYERS
        else "There is one web process, because REDIS_URL is not set.",
        "Transcripts are sent by SendGrid."
        if settings.SENDGRID_API_KEY
        else f"Transcripts are kept as files in {settings.MAIL_DIR}, because SENDGRID_API_KEY is not set.",
    )


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  (raises when it is no number)
    except ValueError:
        return False
    host = parts.netloc.rpartition("@")[2]
    whole = f"{parts.scheme}://{host}"
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "*" not in host and text == whole
