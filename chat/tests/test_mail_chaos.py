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


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
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
    """Whatever waits for a lease or a delay is due now."""
    with closing(sqlite3.connect(site.var_dir / "joblynk.sqlite3", timeout=20)) as database:
        database.execute("UPDATE chat_transcriptdelivery SET due_at = '2020-01-01' WHERE due_at IS NOT NULL")
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
        count = KILLS + 3
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
            return {state for _, state, _ in outbox(site)} == {"accepted"}

        wait_until(settled)
        sent = Counter(mail.marks["delivery"] for mail in sendgrid.mails)
        unclear = {delivery: tries for delivery, _, tries in outbox(site)}
        assert len(unclear) == count
        assert set(sent) == set(unclear), "a transcript was lost"
        assert not [one for one, times in sent.items() if times > 1 + unclear[one]], "an uncounted double"
        assert sum(unclear.values()) <= KILLS
        assert sendgrid.complaints == []
