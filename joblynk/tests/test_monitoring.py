"""What a site tells about itself: figures to those who may ask, log lines without anybody's words."""

import asyncio
import json
import logging
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from benchmarks.client import Customer, until
from chat.tests.mailing import a_talk
from chat.transcripts import deliveries
from chat.transcripts.log import Refused
from joblynk import metrics
from joblynk.logs import Context, JsonFormatter, request_id, turn_id
from joblynk.testing.fake_groq import FakeGroq, failure
from joblynk.testing.servers import Redis
from joblynk.testing.sites import Sites
from knowledge.tests.builders import a_document

CANARY = "CANARY-7f3a"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "address", "headers", "status"),
    [
        ("", "127.0.0.1", {}, 200),
        ("", "10.1.2.3", {}, 200),
        ("", "8.8.8.8", {}, 404),
        ("", "", {}, 404),
        ("", "127.0.0.1", {"X-Forwarded-For": "10.0.0.1"}, 404),
        ("a-token", "127.0.0.1", {}, 404),
        ("a-token", "127.0.0.1", {"Authorization": "Bearer another"}, 404),
        ("a-token", "8.8.8.8", {"Authorization": "Bearer a-token"}, 200),
    ],
)
def test_figures_are_for_those_who_may_ask(
    client: Client, settings: Settings, token: str, address: str, headers: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN = token
    assert client.get("/metrics", REMOTE_ADDR=address, headers=headers).status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/metrics", "/healthz"])
def test_whoever_asks_from_within_is_not_sent_to_tls(path: str, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get(path).status_code == 200
    assert Client().get("/").status_code == 301


@pytest.mark.django_db
def test_every_figure_is_told(client: Client) -> None:
    metrics.ended("stop", "llm", 700, 3_000)
    told = client.get("/metrics").content.decode()
    for name in (
        'joblynk_turns_total{mode="llm",outcome="stop"}',
        'joblynk_first_text_seconds_bucket{le="1.0"}',
        "joblynk_retrieval_seconds_count",
        "joblynk_embed_queue 0.0",
        "joblynk_sockets ",
        "joblynk_turns_running ",
        "joblynk_outbox_depth 0.0",
        "joblynk_ingest_backlog 0.0",
        "joblynk_llm_tokens_today 0.0",
        "process_resident_memory_bytes",
    ):
        assert name in told, name


@pytest.mark.django_db
def test_what_waits_in_the_database_is_told(client: Client) -> None:
    a_document()
    talk = a_talk(contact_email="anna@mail.example")
    requested = deliveries.TranscriptRequest(talk.id, "anna@mail.example", "")
    assert not isinstance(deliveries.request_transcript(requested, timezone.now()), Refused)
    told = client.get("/metrics").content.decode()
    assert "joblynk_ingest_backlog 1.0" in told
    assert "joblynk_outbox_depth 1.0" in told


def test_a_line_of_json_has_the_request_the_turn_and_each_value_as_a_field() -> None:
    record = logging.LogRecord("chat.turns", logging.WARNING, "", 1, "answer_late seconds=%d", (9,), None)
    request_id.set("abc12345")
    turn_id.set("t1")
    Context().filter(record)
    line = json.loads(JsonFormatter().format(record))
    assert line["event"] == "answer_late seconds=9"
    assert (line["seconds"], line["request_id"], line["turn_id"]) == ("9", "abc12345", "t1")
    assert line["level"] == "WARNING"
    request_id.set("")
    turn_id.set("")


def test_a_request_keeps_the_name_that_a_proxy_gave_it_if_it_is_a_sound_one(client: Client) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "proxy-0001"})["X-Request-ID"] == "proxy-0001"
    made = client.get("/healthz", headers={"X-Request-ID": "x\ty"})["X-Request-ID"]
    assert len(made) == 16


@pytest.mark.timeout(120)
async def test_no_log_line_holds_a_secret_or_a_customer_s_word_whatever_fails(
    sites: Sites, start_redis: Callable[[], Redis]
) -> None:
    redis = start_redis()
    with FakeGroq() as groq:
        groq.play(failure(500))
        env = {
            "GROQ_API_KEY": f"gsk_{CANARY}",
            "GROQ_BASE_URL": groq.base_url,
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json",
            "REDIS_URL": redis.url,
        }
        site = await asyncio.to_thread(sites.start, "daphne", "demo", None, env)
        customer = await Customer(site.socket_url).connect()
        await customer.ask(f"How do I search for jobs near my home? {CANARY}")
        redis.stop()
        await customer.ask(f"My name is {CANARY}, when is an invoice issued?")
        customer.send("feedback.set", message_id=CANARY, value=1)
        customer.send("message.send", client_message_id=CANARY, text=[CANARY])
        customer.socket.send(b'{"type": "' + CANARY.encode())
        await until(lambda: len(customer.others) >= 3)
        redis.start()
        await until(lambda: "channel_layer_back" in site.log(), 40)
        customer.socket.abort()
        await asyncio.to_thread(site.stop)
    log = site.log()
    assert CANARY not in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any("provider_failed" in line["event"] and line["turn_id"] for line in lines)
    outage = [line["event"].split()[0] for line in lines if line["event"].startswith("channel_layer")]
    assert outage == ["channel_layer_away", "channel_layer_back"]
    assert [line for line in lines if "exception" in line] == []
