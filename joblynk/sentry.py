"""Errors reported to Sentry (SENTRY_DSN), without anybody's words.

An event is made anew of what is known to hold none: where it happened, as what, in which request or turn. The
rest often does: the text of an exception (a database repeats the values it refuses), a request's address,
headers and body, variables, the command line (`erase_visitor somebody@mail.example`).
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from joblynk.logs import request_id, turn_id

Event = dict[str, Any]

_KEPT = (
    *("event_id", "timestamp", "level", "platform", "logger", "transaction", "transaction_info"),
    *("environment", "release", "server_name", "sdk", "modules", "fingerprint"),
)


def report(dsn: str, environment: str, release: str) -> None:
    """Needs sentry-sdk, which `joblynk.E030` says when it is missing."""
    if not dsn or find_spec("sentry_sdk") is None:
        return
    django = import_module("sentry_sdk.integrations.django")
    import_module("sentry_sdk").init(
        dsn=dsn,
        environment=environment,
        release=release,
        integrations=[django.DjangoIntegration()],
        auto_enabling_integrations=False,
        before_send=without_words,
        max_breadcrumbs=0,
        include_local_variables=False,
        max_request_body_size="never",
        send_default_pii=False,
        auto_session_tracking=False,
        send_client_reports=False,
        traces_sample_rate=None,
    )


def without_words(event: Event, hint: object) -> Event:
    kept = {name: event[name] for name in _KEPT if name in event}
    if entry := event.get("logentry"):
        kept["logentry"] = {"message": entry.get("message", "")}  # as it stands in the code
    if exceptions := event.get("exception", {}).get("values"):
        kept["exception"] = {"values": [{**one, "value": ""} for one in exceptions]}
    named = {"request": request_id.get(), "turn": turn_id.get()}
    kept["tags"] = {name: value for name, value in named.items() if value}
    return kept
