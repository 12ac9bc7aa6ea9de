"""What a site reports to Sentry, and what it keeps to itself. The SDK is real, and so is the HTTP."""

from pathlib import Path

from joblynk.testing.fake_sentry import FakeSentry, envelope
from joblynk.testing.sites import manage

CANARY = "CANARY-51c9"
FAILURES = """
import asyncio, logging, os
from django.test import AsyncClient, Client
from joblynk.logs import turn_id

words = os.environ["WORDS"]
turn_id.set("a-turn-of-this-test")
try:
    raise ValueError(f"invalid input: {words}")
except ValueError:
    logging.getLogger("chat").exception("answer_failed answer=%s", words)

named = {"User-Agent": words, "X-Request-ID": "of-this-test"}
for client in (Client, AsyncClient):  # a database without tables: no page of the admin can be shown
    client = client(raise_request_exception=False)
    client.cookies["sessionid"] = words
    answer = client.get("/admin/", query_params={"q": words}, headers=named)
    assert (asyncio.run(answer) if asyncio.iscoroutine(answer) else answer).status_code == 500
"""


def test_an_error_is_reported_with_its_place_and_its_turn_and_without_a_word(tmp_path: Path) -> None:
    with FakeSentry() as sentry:
        arguments = ("shell", "--no-imports", "-c", FAILURES)
        site = {"SENTRY_DSN": sentry.dsn, "SITE_NAME": "Help", "ALLOWED_HOSTS": "testserver"}
        manage(tmp_path, *arguments, env={**site, "WORDS": CANARY})
        logged, *served = sentry.events
    sent = b"".join(envelope(request) for request in sentry.requests)
    assert CANARY.encode() not in sent
    assert logged["exception"]["values"][0]["type"] == "ValueError"
    assert logged["logentry"]["message"] == "answer_failed answer=%s"
    assert logged["tags"] == {"turn": "a-turn-of-this-test"}
    assert logged["environment"] == "Help"
    assert len(served) == 2
    for event in served:
        assert event["exception"]["values"][-1]["type"] == "OperationalError"
        assert event["exception"]["values"][-1]["stacktrace"]["frames"]
        assert event["tags"]["request"] == "of-this-test"
        assert event["transaction"] == "/admin/"
