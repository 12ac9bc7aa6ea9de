"""Answers on their way: the first word, two hundred at once, what a word costs, and that none is lost."""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from functools import partial

from benchmarks import measure
from benchmarks.client import Asked, Customer, WebSocket, until
from benchmarks.ground import SERVERS, Ground, Served, with_model
from benchmarks.report import Row, at_least, at_most, number
from joblynk.testing.fake_groq import FakeGroq, numbered, stream
from joblynk.testing.sites import ROOT

CHATS = 200
BURST = {"BENCHMARK_TOKENS": "150", "BENCHMARK_PER_SECOND": "500", "BENCHMARK_FIRST": "0.1"}
TOKENS, PER_SECOND, FIRST = 600, 150, 0.2
"""A steady model: an answer takes 4 s, so that 200 chats stream at once while 50 a second begin."""
CHAINLIT_CPU = 0.24  # s per 1,000 tokens, measured with the same model over HTTP; it is not installed here


def rows(ground: Ground) -> list[Row]:
    found = [_first_text(ground)]
    for server in SERVERS:
        found += _at_once(ground, server)
    for server in SERVERS:
        found += _steadily(ground, server)
    return [*found, _whole_over_redis(ground), _stopped(ground)]


def questions() -> list[str]:
    """Questions that the demo content answers."""
    path = ROOT / "chat" / "tests" / "data" / "demo_questions.json"
    return [entry["question"] for entry in json.loads(path.read_text(encoding="utf-8"))["answerable"]]


# --- The first text ----------------------------------------------------------------------------


def _first_text(ground: Ground) -> Row:
    with ground.model(tokens=40, first=0.1, per_second=400) as url:
        with ground.app("relay", "daphne", BENCHMARK_MODEL=url) as app:
            bare = asyncio.run(relayed(app, ground.of(40, 3)))
        with ground.site("daphne", **with_model(url)) as site:
            ours = asyncio.run(one_after_the_other(site, ground.of(3, 1)))
    beyond = [(asked.first_text - asked.at - 0.1) * 1000 for asked in ours]
    return at_most(
        f"first token beyond the model's own, one customer, p50 of {len(beyond)}",
        statistics.median(beyond),
        15,
        "ms",
        f"relay without search and storage {number((statistics.median(bare) - 0.1) * 1000, 'ms')}",
    )


async def one_after_the_other(site: Served, rounds: int) -> list[Asked]:
    """Everything that the model wrote; a FAQ given word for word has no model to wait for."""
    written: list[Asked] = []
    for _ in range(rounds):
        for question in questions():
            customer = await Customer(site.socket_url).connect()
            asked = await customer.ask(question)
            if asked.message.get("mode") == "llm":
                written.append(asked)
            await customer.close()
    return written[5:] or written  # the first ones warm connections and caches


async def relayed(served: Served, times: int) -> list[float]:
    """Seconds to the first delta of a bare relay."""
    first: asyncio.Future[float]
    end: asyncio.Event

    def on_text(raw: bytes) -> None:
        if not first.done():
            first.set_result(time.perf_counter())
        if b'"end"' in raw:
            end.set()

    socket = await WebSocket.connect(served.socket_url, on_text)
    found: list[float] = []
    for _ in range(times):
        first, end = asyncio.get_running_loop().create_future(), asyncio.Event()
        began = time.perf_counter()
        socket.send(b'{"type":"message.send"}')
        found.append(await first - began)
        await end.wait()
    socket.abort()
    return found[2:] or found


# --- 200 at the same instant, with a model in the process --------------------------------------


def _at_once(ground: Ground, server: str) -> list[Row]:
    """The relay, storage included, at its limit: everybody asks in the same instant."""
    chats = ground.of(CHATS, 10)
    with ground.app("relay", server, **BURST) as app:
        bare, bare_first = asyncio.run(_relays(app, chats))
    with ground.app("scripted", server, **BURST) as app:
        rate, first = asyncio.run(_burst(app, chats))
    what = f"{chats} ask in the same instant, model in the process, {server}"
    return [
        at_most(
            f"{what}: first token beyond it, p95",
            first * 1000,
            150,
            "ms",
            f"bare relay {number(bare_first * 1000, 'ms')}",
        ),
        at_least("  tokens/s", rate, 25_000, "/s", f"bare relay {number(bare, '/s')}"),
    ]


async def _burst(served: Served, chats: int) -> tuple[float, float]:
    """Tokens a second, and the p95 of seconds to the first text beyond the model's own."""
    customers = [await Customer(served.socket_url).connect() for _ in range(chats)]
    await asyncio.gather(*(customer.ask("warm") for customer in customers))
    began = time.perf_counter()
    answers = [customer.begin("again") for customer in customers]
    await asyncio.gather(*(asked.done.wait() for asked in answers))
    rate = chats * int(BURST["BENCHMARK_TOKENS"]) / (time.perf_counter() - began)
    _check(customers, answers, int(BURST["BENCHMARK_TOKENS"]))
    first = measure.percentile([asked.first_text - asked.at for asked in answers], 0.95)
    for customer in customers:
        customer.socket.abort()
    return rate, first - float(BURST["BENCHMARK_FIRST"])


async def _relays(served: Served, chats: int) -> tuple[float, float]:
    await asyncio.gather(*(relayed(served, 1) for _ in range(chats)))
    began = time.perf_counter()
    firsts = await asyncio.gather(*(relayed(served, 1) for _ in range(chats)))
    rate = chats * int(BURST["BENCHMARK_TOKENS"]) / (time.perf_counter() - began)
    return rate, measure.percentile([first for (first,) in firsts], 0.95) - float(BURST["BENCHMARK_FIRST"])


# --- 200 in a steady stream, over HTTP, with search and storage --------------------------------


def _steadily(ground: Ground, server: str) -> list[Row]:
    chats = ground.of(CHATS, 10)
    with ground.model(tokens=TOKENS, first=FIRST, per_second=PER_SECOND) as url:
        with ground.app("relay", server, BENCHMARK_MODEL=url) as app:
            bare = asyncio.run(_bare_cost(app, chats))
        with ground.site(server, **with_model(url)) as site:
            rate, first, cost = asyncio.run(steady(site, chats, ground.of(2, 1)))
    what = f"{chats} chats stream, whole chain, model over HTTP, {server}"
    return [
        at_most(f"{what}: first token beyond it, p95", first * 1000, 150, "ms"),
        at_least("  tokens/s", rate, 25_000, "/s", f"offered {number(chats * PER_SECOND, '/s')}"),
        at_most(
            "  CPU s per 1,000 tokens",
            cost,
            0.035,
            "s",
            f"bare relay {number(bare, 's')}; ÷ Chainlit's {CHAINLIT_CPU}: {cost / CHAINLIT_CPU:.2f}",
        ),
    ]


async def steady(site: Served, chats: int, each: int) -> tuple[float, float, float]:
    """Tokens a second, p95 of seconds to the first text, CPU seconds per 1,000 tokens."""
    asking = await askable(site)
    customers = [await Customer(site.socket_url).connect() for _ in range(chats)]
    length = TOKENS / PER_SECOND + FIRST
    answers: list[Asked] = []

    async def chat(place: int, customer: Customer) -> None:
        await asyncio.sleep(place / chats * length)
        for turn in range(each):
            answers.append(await customer.ask(asking[(place + turn) % len(asking)]))

    before, began = measure.cpu_seconds(site.pid), time.perf_counter()
    await asyncio.gather(*(chat(place, customer) for place, customer in enumerate(customers)))
    spent = measure.cpu_seconds(site.pid) - before
    written = [asked for asked in answers if asked.message.get("mode") == "llm"]
    _check(customers, written, TOKENS)
    # Everybody streams from the end of the first wave to the beginning of the last answers.
    busy = time.perf_counter() - began - length
    tokens = len(written) * TOKENS
    first = measure.percentile([asked.first_text - asked.at for asked in written], 0.95) - FIRST
    for customer in customers:
        customer.socket.abort()
    return tokens / max(busy, length), first, spent / tokens * 1000


async def askable(site: Served) -> list[str]:
    """Questions whose answers the model writes."""

    async def mode(question: str) -> str:
        customer = await Customer(site.socket_url).connect()
        asked = await customer.ask(question)
        customer.socket.abort()
        return str(asked.message.get("mode"))

    asking = questions()
    modes = await asyncio.gather(*(mode(question) for question in asking))
    return [question for question, found in zip(asking, modes, strict=True) if found == "llm"]


async def _bare_cost(served: Served, chats: int) -> float:
    """CPU seconds per 1,000 tokens of a relay that does nothing else."""
    before = measure.cpu_seconds(served.pid)
    await asyncio.gather(*(relayed(served, 1) for _ in range(chats)))
    return (measure.cpu_seconds(served.pid) - before) / (chats * TOKENS) * 1000


def _check(customers: Sequence[Customer], answers: Sequence[Asked], tokens: int) -> None:
    """Every word once and in order, streamed and stored. Raises AssertionError."""
    whole = "".join(numbered(tokens))
    faults = [fault for customer in customers for fault in customer.faults]
    faults += [
        f"stored {asked.message.get('text', '')[-40:]!r}"
        for asked in answers
        if asked.message.get("text") != whole
    ]
    assert not faults, faults[:5]


# --- Nothing lost, over two processes, Redis and reconnects ------------------------------------


def _whole_over_redis(ground: Ground) -> Row:
    """Half of the customers change the process in mid-answer, again and again."""
    chats = ground.of(100, 6)
    with ground.redis() as redis, ground.model(tokens=300, first=0.1, per_second=100) as url:
        env = {"REDIS_URL": redis.url, "WEB_CONCURRENCY": "2", **with_model(url)}
        with ground.site("uvicorn", **env) as one:
            two = ground.sites.adopt(one.beside("daphne")).start()
            answers, faults, moves = asyncio.run(_restless(one, two, chats))
            two.stop()
    lost = sum(asked.message.get("text") != "".join(numbered(300)) for asked in answers)
    beside = f"{len(answers)} answers, {moves} reconnects between 2 processes over Redis"
    return at_most("lost, doubled or reordered text", lost + len(faults), 0, "", beside)


async def _restless(one: Served, two: Served, chats: int) -> tuple[list[Asked], list[str], int]:
    asking = await askable(one)
    urls = (one.socket_url, two.socket_url)
    moves = 0

    async def chat(place: int) -> tuple[Asked, Customer]:
        nonlocal moves
        customer = await Customer(urls[place % 2]).connect()
        asked = customer.begin(asking[place % len(asking)])
        for move in range(4 if place % 4 < 2 else 0):
            await asyncio.sleep(0.4 + place % 7 * 0.05)
            customer.socket.abort()
            await customer.connect(urls[(place + move + 1) % 2])
            moves += 1
        await asyncio.wait_for(asked.done.wait(), 30)
        return asked, customer

    pairs = await asyncio.gather(*(chat(place) for place in range(chats)))
    faults = [fault for _, customer in pairs for fault in customer.faults]
    for _, customer in pairs:
        customer.socket.abort()
    return [asked for asked, _ in pairs], faults, moves


# --- Stop --------------------------------------------------------------------------------------


def _stopped(ground: Ground) -> Row:
    """From the click to the end of the connection to the model, as the model sees it."""
    model = FakeGroq(stream(numbered(5_000), per_second=100))
    with model as groq, ground.site("daphne", **with_model(groq.base_url)) as site:
        waits = asyncio.run(_stop(site, groq, ground.of(20, 3)))
    return at_most(
        f"model stream stopped after Stop, worst of {len(waits)}",
        max(waits) * 1000,
        100,
        "ms",
        f"p50 {number(statistics.median(waits) * 1000, 'ms')}",
    )


def _began(asked: Asked) -> bool:
    return bool(asked.first_text) or asked.done.is_set()


async def _stop(site: Served, groq: FakeGroq, times: int) -> list[float]:
    waits: list[float] = []
    asking, written = questions(), numbered(1)[0].strip()
    place = 0
    while len(waits) < times:
        customer = await Customer(site.socket_url).connect()
        asked = customer.begin(asking[place % len(asking)])
        place += 1
        await until(partial(_began, asked))
        began = time.monotonic()
        if asked.streamed.startswith(written):  # a FAQ there is nobody to stop from giving
            customer.send("answer.stop", client_message_id=asked.client_message_id)
            waits.append(await asyncio.to_thread(groq.abandoned.get, True, 5) - began)
        await asked.done.wait()
        await customer.close()
    return waits
