"""What tests do inside a real site, in a process of its own: `call(site, "add", count=3)`.

Run as `python -m knowledge.tests.onsite FUNCTION '{"argument": 1}'`; the result is the last line, as JSON.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from joblynk.testing.sites import ROOT, Site, environment

SECTIONS = 6


def call(site: Site, function: str, **arguments: Any) -> Any:
    done = subprocess.run(
        command(function, **arguments),
        cwd=ROOT,
        env=environment(site.var_dir, site.env),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def command(function: str, **arguments: Any) -> list[str]:
    return [sys.executable, "-m", "knowledge.tests.onsite", function, json.dumps(arguments)]


def text(number: int, version: int) -> str:
    """A document whose every section tells its number and version."""
    words = " ".join(f"w{number}x{place}" for place in range(60))
    sections = (f"## Part {part}\n\nmark{number}v{version}p{part} {words} {part}" for part in range(SECTIONS))
    return f"# Document {number}\n\n" + "\n\n".join(sections)


def add(count: int, version: int, start: int = 0) -> int:
    """Write documents, or new versions of them, and ring for each as the pages for staff do."""
    from knowledge import library, tasks
    from knowledge.models import Document

    for number in range(start, start + count):
        row = Document.objects.filter(origin=f"test/{number}").first() or Document(origin=f"test/{number}")
        row.text = text(number, version)
        library.save_document(row)
        tasks.enqueue(row)
    return count


def add_read(count: int) -> int:
    """The same, read at once."""
    from knowledge import ingest

    add(count, 0)
    return ingest.reindex().embedded


def add_files(folder: str) -> list[int]:
    """Take every file of a folder as an upload, without the checks at the door; returns their ids."""
    from django.core.files.base import ContentFile

    from knowledge import library, tasks
    from knowledge.models import Document

    ids = []
    for path in sorted(Path(folder).iterdir()):
        row = Document(name=path.name, format=path.suffix[1:])
        library.save_document(row, file=ContentFile(path.read_bytes(), path.name))
        tasks.enqueue(row)
        ids.append(row.pk)
    return ids


def settled(seconds: float) -> dict[str, list[str]]:
    """State and words of every document, by name or origin, once all are ready or failed. Retries do not
    wait for their time. After `seconds` as it is then."""
    from knowledge.models import Document

    deadline = time.monotonic() + seconds
    while True:
        rows = Document.objects.values_list("name", "origin", "state", "error")
        told = {name or origin: [state, error] for name, origin, state, error in rows}
        if {state for state, _ in told.values()} <= {"ready", "failed"} or time.monotonic() > deadline:
            return told
        time.sleep(0.1)


def being_embedded(seconds: float) -> bool:
    """Whether a worker is at it with some document, now or within `seconds`."""
    from knowledge.models import Document

    deadline = time.monotonic() + seconds
    while not (found := Document.objects.filter(state="embedding").exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def due_at_once() -> list[list[Any]]:
    """State and attempts of the documents that any worker may take."""
    from joblynk.clock import database_now
    from knowledge.models import Document

    rows = Document.objects.filter(due_at__lte=database_now())
    return [list(row) for row in rows.values_list("state", "attempts")]


def end_leases() -> int:
    """Let a minute pass: whatever a dead worker held, and what waits for a retry, is due."""
    from django.utils import timezone

    from knowledge.models import Document, Faq

    now = timezone.now()
    return sum(model.objects.filter(due_at__gt=now).update(due_at=now) for model in (Document, Faq))


def after_kill(count: int, version: int, start: int) -> list[str]:
    """`torn`, then some new versions."""
    found = torn()
    add(count, version, start)
    return found


def torn() -> list[str]:
    """Documents of `add` whose passages are not those of one whole version; passages that are doubled."""
    from knowledge.models import Chunk, Document

    found = []
    for document in Document.objects.filter(origin__startswith="test/"):
        number = int(document.origin.partition("/")[2])
        rows = list(
            Chunk.objects.filter(document=document).order_by("position").values_list("position", "text")
        )
        if [position for position, _ in rows] != list(range(len(rows))):
            found.append(f"{number}: places {[position for position, _ in rows]}")
        marks = [next(word for word in body.split() if word.startswith("mark")) for _, body in rows]
        whole = [[f"mark{number}v{version}p{part}" for part in range(SECTIONS)] for version in range(9)]
        if marks and marks not in whole:
            found.append(f"{number}: {marks}")
    return found


def ask() -> list[list[Any]]:
    """Ask as chats do, over and over, until standard input ends: [began, ended, ids of the documents cited],
    by the machine's clock."""
    import asyncio
    import select

    from knowledge import search

    async def answers() -> list[list[Any]]:
        found: list[list[Any]] = []
        await search.search("warm")
        print("ready", flush=True)  # noqa: T201
        number = 0
        while not select.select([sys.stdin], [], [], 0)[0]:
            number += 1
            began = time.monotonic()
            findings = await search.search(f"What does document {number % 8} say of w{number % 8}x1?", 10)
            ended = time.monotonic()
            found.append(
                [began, ended, sorted({p.source_id for p in findings.passages if p.kind == "document"})]
            )
        return found

    return asyncio.run(answers())


def hide_and_show(rounds: int, seed: int) -> list[list[Any]]:
    """Unpublish or delete a random document, then bring it back: [id, gone since, back from]."""
    return list(_hidden(rounds, seed))


def _hidden(rounds: int, seed: int) -> Iterator[list[Any]]:
    import random

    from knowledge import ingest, library
    from knowledge.models import Document

    choose = random.Random(seed)  # noqa: S311
    for _ in range(rounds):
        row = choose.choice(list(Document.objects.filter(published=True, origin__startswith="test/")))
        delete = choose.random() < 0.2
        if delete:
            library.remove("document", [row.pk])
        else:
            library.set_published("document", [row.pk], False)
        gone = time.monotonic()
        time.sleep(choose.random() * 0.02)
        back = time.monotonic()
        if delete:
            again = Document(origin=row.origin, text=row.text)
            library.save_document(again)
            ingest.run(again.pk)
            back = float("inf")
        else:
            library.set_published("document", [row.pk], True)
        yield [row.pk, gone, back]


def main() -> None:
    import django

    django.setup()
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201


if __name__ == "__main__":
    main()
