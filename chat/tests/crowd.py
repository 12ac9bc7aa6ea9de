"""Customers who go on whatever is done to the site, and what its database says about them."""

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from typing import Any, LiteralString

from benchmarks.client import Asked, Customer
from joblynk.testing.sites import Site

QUESTION = "Which payment methods do you accept, and when is an invoice issued?"
SILENCE = 20.0  # seconds until a page gives a connection up
AGAIN = 1.0  # seconds until a page sends again what failed inside the server
Row = Sequence[Any]


class Crowd:
    """They ask again and again, `pause` seconds after an answer, reconnect as pages do, and send again what
    was not confirmed."""

    def __init__(self, urls: Sequence[str], count: int, pause: float = 0.0) -> None:
        self._pause = pause
        self.customers = [Customer(urls[number % len(urls)]) for number in range(count)]
        self.acked: set[str] = set()
        self.longest = 0.0
        """Seconds from a question to the end of its answer, through whatever happened in between."""
        self.over = asyncio.Event()

    async def __aenter__(self) -> "Crowd":
        self._tasks = [asyncio.create_task(self._talk(customer)) for customer in self.customers]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Everybody's last answer ends, whichever way."""
        self.over.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks), 120)

    async def _talk(self, customer: Customer) -> None:
        await self._reconnect(customer)
        while not self.over.is_set():
            asked = customer.begin(QUESTION)
            await self._see_through(customer, asked)
            self.longest = max(self.longest, time.perf_counter() - asked.at)
            if self._pause:
                await asyncio.sleep(self._pause)

    async def _see_through(self, customer: Customer, asked: Asked) -> None:
        done = asyncio.create_task(asked.done.wait())
        heard, received = time.monotonic(), customer.received
        while not done.done():
            events: list[asyncio.Future[Any]] = [done, customer.socket.closed]
            await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED, timeout=AGAIN)
            if asked.acked:
                self.acked.add(asked.client_message_id)
            if customer.received != received:
                heard, received = time.monotonic(), customer.received
            if not done.done() and (customer.socket.closed.done() or time.monotonic() - heard > SILENCE):
                customer.socket.abort()
                await self._reconnect(customer)
                self._send_again(customer, asked)
                heard, received = time.monotonic(), customer.received
            elif customer.others:
                customer.others.clear()
                self._send_again(customer, asked)

    def _send_again(self, customer: Customer, asked: Asked) -> None:
        if not asked.acked and not asked.done.is_set():
            customer.send("message.send", client_message_id=asked.client_message_id, text=QUESTION)

    async def _reconnect(self, customer: Customer) -> None:
        while True:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(10):
                    await customer.connect()
                    return
            await asyncio.sleep(0.2)

    @property
    def faults(self) -> list[str]:
        return [fault for customer in self.customers for fault in customer.faults]

    def leave(self) -> None:
        for customer in self.customers:
            customer.socket.abort()


class Rows:
    """The database of a site, read from outside of it. Ids are in hexadecimal."""

    def __init__(self, site: Site) -> None:
        self._url = site.env.get("DATABASE_URL", "")
        self._path = site.var_dir / "joblynk.sqlite3"

    def read(self, query: LiteralString) -> list[tuple[Any, ...]]:
        if self._url:
            import psycopg

            with psycopg.connect(self._url) as database:
                rows = database.execute(query).fetchall()
            return [tuple(_plain(value) for value in row) for row in rows]
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=20)) as database:
            return database.execute(query).fetchall()

    def pending(self) -> set[str]:
        """Answers that have not ended."""
        return {row[0] for row in self.read("SELECT id FROM chat_message WHERE pending")}

    def confirmed(self) -> set[str]:
        """The clients' own ids of what is stored."""
        return {row[0] for row in self.read("SELECT client_message_id FROM chat_message")}

    def differing(self, customers: Iterable[Customer]) -> list[str]:
        """Customers whose page does not show what is stored."""
        stored: defaultdict[str, dict[int, Row]] = defaultdict(dict)
        for conversation, seq, *row in self.read(
            """SELECT event.conversation_id, event.seq, event.type, message.id, message.text, message.finish
            FROM chat_event AS event LEFT JOIN chat_message AS message ON message.id = event.message_id"""
        ):
            stored[conversation][seq] = tuple(row)
        return [
            f"{customer.conversation}: {sorted(shown.keys() ^ here.keys()) or 'other words'}"
            for customer in customers
            if (shown := _shown(customer)) != (here := _of_kind(stored[_hex(customer.conversation)]))
        ]

    def torn(self) -> list[tuple[Any, ...]]:
        """What no order of faults may leave behind, each with the word for it."""
        return [row for query in _TORN for row in self.read(query)] + self._damaged()

    def _damaged(self) -> list[tuple[Any, ...]]:
        if self._url:
            return []
        return [row for row in self.read("PRAGMA integrity_check") if row != ("ok",)]


_TORN: tuple[LiteralString, ...] = (
    """SELECT 'numbers', conversation.id, conversation.last_seq, count(event.id), max(event.seq)
    FROM chat_conversation AS conversation LEFT JOIN chat_event AS event
    ON event.conversation_id = conversation.id GROUP BY conversation.id, conversation.last_seq
    HAVING count(event.id) <> conversation.last_seq
    OR coalesce(max(event.seq), 0) <> conversation.last_seq""",
    """SELECT 'answers', question.id, count(answer.id)
    FROM chat_message AS question LEFT JOIN chat_message AS answer ON answer.reply_to_id = question.id
    WHERE question.role = 'user' GROUP BY question.id HAVING count(answer.id) <> 1""",
    """SELECT 'endings', answer.id, answer.finish, count(event.id)
    FROM chat_message AS answer LEFT JOIN chat_event AS event
    ON event.message_id = answer.id AND event.type <> 'answer.started'
    WHERE answer.role = 'assistant' AND NOT answer.pending
    GROUP BY answer.id, answer.finish HAVING count(event.id) <> 1""",
    """SELECT 'unended', id FROM chat_message WHERE role = 'assistant' AND NOT pending AND finish = ''""",
)


def _shown(customer: Customer) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for seq, event in customer.events.items():
        if event["type"] == "message.created":
            message = event["message"]
            words = (_hex(message["id"]), message["text"], message["finish"] or "")
            found[seq] = (event["type"], *words)
        else:
            found[seq] = (event["type"],)
    return found


def _of_kind(rows: dict[int, Row]) -> dict[int, Row]:
    """Of other events than messages the kind alone is compared."""
    return {seq: row if row[0] == "message.created" else row[:1] for seq, row in rows.items()}


def _hex(key: str) -> str:
    return key.replace("-", "")


def _plain(value: Any) -> Any:
    return value.hex if hasattr(value, "hex") and not isinstance(value, float) else value
