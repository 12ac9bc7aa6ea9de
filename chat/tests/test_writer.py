"""Group commit: together when it works, alone when it must."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from chat import transcripts
from chat.models import Conversation, Message
from chat.transcripts import Accepted, NewQuestion, Refused
from chat.turns import LEASE
from chat.writer import BATCH, Writer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture
async def writer(transactional_db: None) -> AsyncIterator[Writer]:
    writer = Writer(settings.WRITER_THREADS)
    yield writer
    await writer.aclose()


def a_conversation() -> uuid.UUID:
    view = transcripts.open_conversation(uuid.uuid4().hex, None, timezone.now(), "", "")
    assert view is not None
    return view.id


def a_question(conversation: uuid.UUID, text: str = "How?") -> NewQuestion:
    now = timezone.now()
    return NewQuestion(conversation, uuid.uuid4(), text, "test", now, now + LEASE)


async def test_what_gathers_is_stored_together_and_each_gets_its_own_result(writer: Writer) -> None:
    batches: list[int] = []

    def add(items: Sequence[NewQuestion]) -> list[Accepted | Refused]:
        batches.append(len(items))
        return transcripts.add_questions(items)

    conversations = [await sync_to_async(a_conversation)() for _ in range(20)]
    items = [a_question(c, f"Question {n}") for n, c in enumerate(conversations)]
    results = await asyncio.gather(*(writer.write(add, item) for item in items))
    assert max(batches) > 1
    assert [r.question for r in results if isinstance(r, Accepted)] == [item.text for item in items]
    assert await Message.objects.filter(role="user").acount() == 20


async def test_a_caller_is_answered_after_the_commit_and_never_before(writer: Writer) -> None:
    conversation = await sync_to_async(a_conversation)()
    committing, may_commit = threading.Event(), threading.Event()

    def add(items: Sequence[NewQuestion]) -> list[Accepted | Refused]:
        results = transcripts.add_questions(items)
        committing.set()
        may_commit.wait(5)
        return results

    answered = asyncio.create_task(writer.write(add, a_question(conversation)))
    assert await asyncio.to_thread(committing.wait, 5)
    assert not answered.done()
    may_commit.set()
    assert isinstance(await answered, Accepted)
    assert await Message.objects.filter(conversation=conversation, role="user").aexists()


async def test_a_poisoned_item_fails_alone(writer: Writer) -> None:
    def add(items: Sequence[NewQuestion]) -> list[Accepted | Refused]:
        if any(item.text == "poison" for item in items):
            raise ValueError("poison")
        return transcripts.add_questions(items)

    conversations = [await sync_to_async(a_conversation)() for _ in range(9)]
    texts = [*(f"fine {n}" for n in range(4)), "poison", *(f"fine {n}" for n in range(4, 8))]
    items = [a_question(c, text) for c, text in zip(conversations, texts, strict=True)]
    results = await asyncio.gather(*(writer.write(add, i) for i in items), return_exceptions=True)
    assert [type(result) for result in results] == [Accepted] * 4 + [ValueError] + [Accepted] * 4
    assert await Message.objects.filter(role="user").acount() == 8


async def test_a_caller_that_goes_away_does_not_take_its_row_along(writer: Writer) -> None:
    conversation = await sync_to_async(a_conversation)()
    call = asyncio.create_task(writer.write(transcripts.add_questions, a_question(conversation)))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    await writer.write(transcripts.add_questions, a_question(conversation))
    assert await Message.objects.filter(conversation=conversation, role="user").acount() == 2


async def test_more_than_a_batch_is_stored_in_several(writer: Writer) -> None:
    conversation = await sync_to_async(a_conversation)()
    count = BATCH + 10
    calls = (writer.write(transcripts.add_questions, a_question(conversation)) for _ in range(count))
    results = await asyncio.gather(*calls)
    seqs = sorted(result.seq for result in results if isinstance(result, Accepted))
    assert seqs == list(range(1, 2 * count, 2))
    row = await Conversation.objects.aget(id=conversation)
    assert row.last_seq == 2 * count


async def test_a_row_that_somebody_holds_makes_only_those_wait_who_need_it(writer: Writer) -> None:
    if connection.vendor != "postgresql":
        return  # SQLite has no rows to hold: its one writer is the whole database's
    held, others = await sync_to_async(a_conversation)(), await sync_to_async(a_conversation)()
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Conversation.objects.select_for_update().get(id=held)
            holding.set()
            release.wait(10)
        connections.close_all()

    holder = asyncio.get_running_loop().run_in_executor(None, hold)
    assert await asyncio.to_thread(holding.wait, 5)
    stuck = asyncio.create_task(writer.write(transcripts.add_questions, a_question(held)))
    beside = (writer.write(transcripts.add_questions, a_question(others)) for _ in range(5))
    async with asyncio.timeout(5):
        assert all(isinstance(result, Accepted) for result in await asyncio.gather(*beside))
    assert not stuck.done()
    release.set()
    await holder
    assert isinstance(await stuck, Accepted)


async def test_a_connection_that_the_database_has_ended_is_replaced(transactional_db: None) -> None:
    if connection.vendor != "postgresql":
        return  # SQLite has no server that could end one

    def read() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return int(cursor.fetchone()[0])

    def break_off() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    writer = Writer(1)
    with pytest.raises(OperationalError):
        await writer.call(break_off)
    assert await writer.call(read) == 1
    await writer.aclose()
