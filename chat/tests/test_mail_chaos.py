"""Workers that are killed while they hand mails over. A short form here, the long one: `make chaos`."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest

from joblynk.testing.fake_sendgrid import ACCEPT, FakeSendGrid, Reply
from joblynk.testing.sites import ROOT, Site, Sites, environment

LONG = os.environ.get("CHAOS") == "1"
KILLS = 50 if LONG else 1
pytestmark = pytest.mark.chaos


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def outbox(site: Site) -> list[tuple[str, str, int]]:
    """(id, state, unclear tries) of every transcript."""
    with closing(sqlite3.connect(site.var_dir / "joblynk.sqlite3", timeout=20)) as database:
        rows = "SELECT id, state, ambiguous_tries FROM chat_transcriptdelivery WHERE purpose = 'transcript'"
        return database.execute(rows).fetchall()


def end_leases(site: Site) -> None:
    """Whatever waits for a lease or a delay is due now, in another order."""
    shuffled = "'2020-01-01 00:00:' || printf('%02d', abs(random()) % 60)"
    with closing(sqlite3.connect(site.var_dir / "joblynk.sqlite3", timeout=20)) as database:
        table = "chat_transcriptdelivery"
        database.execute(f"UPDATE {table} SET due_at = {shuffled} WHERE due_at IS NOT NULL")  # noqa: S608
        database.commit()


@pytest.mark.timeout(3_600 if LONG else 150)
def test_workers_killed_between_sending_and_writing_it_down_lose_nothing_and_double_only_the_counted(
    sites: Sites,
) -> None:
    choose = random.Random(3)  # noqa: S311
    with FakeSendGrid() as sendgrid:
        site = sites.adopt(Site(sites.copy()))
        site.env = {
            "SENDGRID_API_KEY": "SG.none",
            "SENDGRID_HOST_URL": sendgrid.base_url,
            "DEFAULT_FROM_EMAIL": "help@joblynk.example",
            "TRANSCRIPT_CONFIRMATION": "0",
        }
        count = KILLS * 10
        command = [sys.executable, "-m", "chat.tests.fill_outbox", str(count)]
        subprocess.run(command, cwd=ROOT, env=environment(site.var_dir, site.env), check=True)
        for _ in range(KILLS):
            sendgrid.play(Reply(seconds=choose.choice((0.02, 0.3)), keeps=True))
            asked = len(sendgrid.requests)
            worker = site.start_worker()
            wait_until(lambda asked=asked: len(sendgrid.requests) > asked)  # type: ignore[misc]
            time.sleep(choose.random() * 0.35)
            os.killpg(worker.pid, signal.SIGKILL)
            worker.popen.wait()
            end_leases(site)
        sendgrid.play(ACCEPT)
        site.start_worker()

        def settled() -> bool:
            end_leases(site)
            return not {state for _, state, _ in outbox(site)} & {"queued", "sending"}

        wait_until(settled)
        sent = Counter(mail.marks["delivery"] for mail in sendgrid.mails)
        rows = {delivery: (state, unclear) for delivery, state, unclear in outbox(site)}
        assert len(rows) == count
        assert {state for state, _ in rows.values()} <= {"accepted", "ambiguous"}
        lost = [one for one, (state, _) in rows.items() if one not in sent and state != "ambiguous"]
        doubled = [one for one, times in sent.items() if times > 1 + rows[one][1]]
        assert (lost, doubled) == ([], [])
        assert sum(unclear for _, unclear in rows.values()) <= KILLS
        assert sendgrid.complaints == []
