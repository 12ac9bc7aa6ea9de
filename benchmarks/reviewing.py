"""The list of conversations, over 100,000 of them with 1,000,000 messages, as a request of staff costs it."""

import random
import statistics
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from benchmarks.ground import Ground
from benchmarks.report import Row, at_most, number
from joblynk.testing.servers import create_database, drop_database

CONVERSATIONS, SAID = 100_000, 10  # messages in each
VOCABULARY = 20_000
ADDRESS = "/admin/chat/conversation/"
NEWEST = datetime(2026, 6, 1, 12, tzinfo=UTC)
ASKED = {
    "page": ("", "?after={deep}"),
    "filter": (
        *("?state=waiting", "?state=bot", "?outcome=not_found", "?outcome=not_helpful", "?outcome=failed"),
        *("?outcome=pictures", "?outcome=videos", "?since=2026-05-01", "?since=2026-01-01&until=2026-01-07"),
        *("?outcome=not_helpful&since=2026-01-01&until=2026-01-07", "?state=human&outcome=pictures"),
    ),
    "search": (
        *("?q={common}", "?q={middling}", "?q={rare}", "?q={common}+{rare}", "?q={prefix}", "?q=absentword"),
        *("?q={common}&outcome=not_found", "?q={middling}&since=2026-01-01&until=2026-01-07"),
    ),
}
TIMES = 5


def rows(ground: Ground) -> list[Row]:
    found = _rows(ground, "SQLite", ground.sites.copy(), {}, 600)
    folder, name = ground.sites.copy(), "joblynk_reviewing"
    env = {"DATABASE_URL": create_database(ground.postgres(), name)}
    try:
        return found + _rows(ground, "PostgreSQL", folder, env, 300)
    finally:
        drop_database(ground.postgres(), name)


def _rows(ground: Ground, database: str, folder: Path, env: dict[str, str], goal: float) -> list[Row]:
    count = ground.of(CONVERSATIONS, 2_000)
    ground.measured("benchmarks.storing:migrate", folder, env)
    filled = ground.measured("benchmarks.reviewing:fill", folder, env, count=count)
    asked = ground.measured("benchmarks.reviewing:ask", folder, env)
    digested = number(count / filled["digest"], "/s")
    found = [
        Row(f"{count:,} conversations, {count * SAID:,} messages, {database}", "", f"digested {digested}")
    ]
    for kind, slowest in asked.items():
        beside = f"{slowest['queries']} queries, slowest: {slowest['address'] or 'the first page'}"
        found.append(at_most(f"  {kind}", slowest["ms"], goal, "ms", beside))
    return found


# --- In a process of the site ------------------------------------------------------------------


def words() -> list[str]:
    """Made-up words, the first of them in nearly every conversation, the last in hardly any."""
    chance = random.Random(7)  # noqa: S311
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    made = {"".join(chance.choices(syllables, k=chance.randint(2, 5))) for _ in range(VOCABULARY * 2)}
    return sorted(made, key=lambda word: (hash_of(word), word))[:VOCABULARY]


def hash_of(word: str) -> int:
    return int.from_bytes(uuid.uuid5(uuid.NAMESPACE_DNS, word).bytes[:4], "big")


def fill(count: int) -> dict[str, float]:
    """Seconds that storing and digesting took."""
    from django.db import connection, transaction

    from chat.transcripts import digests
    from chat.transcripts.bulk import store

    began = time.perf_counter()
    made = _conversations(count)
    while batch := list(islice(made, 500)):
        with transaction.atomic():
            for kind in zip(*batch, strict=True):
                store([row for some in kind for row in some])
    stored = time.perf_counter() - began
    began = time.perf_counter()
    while digests.catch_up(10):
        pass
    digested = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {"store": stored, "digest": digested}


def _conversations(count: int) -> Iterator[tuple[list[Any], ...]]:
    """(conversation), (messages), (feedback), (pictures), (videos) of each, oldest first."""
    from chat.models import Attachment, Conversation, Feedback, ShownVideo

    chance = random.Random(11)  # noqa: S311
    vocabulary = words()
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    step = timedelta(days=240) / count
    for place in range(count):
        at = NEWEST - step * (count - place)
        status = chance.choices(["bot", "waiting", "human", "resolved"], [60, 0.1, 0.2, 39.7])[0]
        row = Conversation(
            visitor=f"{place:032x}", status=status, last_seq=SAID, created_at=at, updated_at=at,
            waiting_since=at if status == "waiting" else None,
        )  # fmt: skip
        messages = [_message(row, turn, vocabulary, weights, chance) for turn in range(SAID)]
        marks = [Feedback(message=messages[1], value=-1, at=at)] if chance.random() < 0.02 else []
        picture = Attachment(
            visitor=row.visitor, message=messages[0], picture="a.png", thumb="b.jpg", width=9, height=9,
            size=9, created_at=at, text="error E-1042",
        )  # fmt: skip
        pictures = [picture] if chance.random() < 0.03 else []
        video = ShownVideo(message=messages[1], rank=1, video_id=1, title="A video", score=0.7)
        videos = [video] if chance.random() < 0.05 else []
        yield [row], messages, marks, pictures, videos


def _message(row: Any, turn: int, vocabulary: list[str], weights: list[float], chance: random.Random) -> Any:
    """Questions and answers in turn; one answer in 25 is a refusal, one in 100 has failed."""
    from chat.models import Message

    asks = turn % 2 == 0
    text = " ".join(chance.choices(vocabulary, cum_weights=weights, k=12 if asks else 36))
    return Message(
        conversation=row,
        role="user" if asks else "assistant",
        text=text,
        html="" if asks else f"<p>{text}</p>",
        finish="" if asks else chance.choices(["stop", "no_answer", "error"], [95, 4, 1])[0],
        created_at=row.created_at + timedelta(seconds=turn),
    )


def ask() -> dict[str, dict[str, Any]]:
    """Of each kind of request the slowest: the median of `TIMES` in milliseconds, and its queries."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.create_superuser(f"benchmark-{uuid.uuid4()}"))
    vocabulary = words()
    names = {
        "common": vocabulary[0], "middling": vocabulary[2_000], "rare": vocabulary[-1],
        "prefix": vocabulary[5][:3], "deep": _deep(),
    }  # fmt: skip
    found: dict[str, dict[str, Any]] = {}
    for kind, addresses in ASKED.items():
        for address in addresses:
            path = ADDRESS + address.format(**names)
            with CaptureQueriesContext(connection) as log:
                assert client.get(path).status_code == 200
            queries = len(log)  # the next request begins a new log
            took = statistics.median(_timed(client, path) for _ in range(TIMES))
            if took > found.get(kind, {"ms": 0.0})["ms"]:
                found[kind] = {"ms": took, "queries": queries, "address": address}
    return found


def _deep() -> str:
    """Where a page far down the list begins."""
    from urllib.parse import quote

    from chat.models import Conversation

    rows = Conversation.objects.order_by("-updated_at").values_list("updated_at", "id")
    at, last = rows[rows.count() * 9 // 10]
    return quote(f"{at.isoformat()}_{last.hex}")


def _timed(client: Any, path: str) -> float:
    began = time.perf_counter()
    client.get(path)
    return (time.perf_counter() - began) * 1000
