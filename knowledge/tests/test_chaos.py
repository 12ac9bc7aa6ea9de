"""Workers that are killed, files that want to kill them, and content that goes while somebody asks.

Each has a short form here, on SQLite, and a long one on both databases: `make chaos`.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from benchmarks.measure import resident
from joblynk.testing.chaos import LONG, chances, of
from joblynk.testing.servers import Process
from joblynk.testing.sites import ROOT, Site, Sites, environment
from knowledge.formats.types import WORDS
from knowledge.tests import hostile, onsite

pytestmark = pytest.mark.chaos

DONE = {"ready", "failed"}


@pytest.fixture(params=of(["sqlite", "postgresql"], ["sqlite"]))
def site(request: pytest.FixtureRequest, sites: Sites) -> Site:
    """Not started."""
    on_postgres = request.param == "postgresql"
    return sites.make(postgres=request.getfixturevalue("postgres_url") if on_postgres else None)


@pytest.mark.timeout(of(7_200, 120))
def test_a_worker_that_is_killed_at_any_moment_leaves_whole_documents_and_is_taken_over(site: Site) -> None:
    choose = chances()
    count, kills = of(60, 8), of(50, 2)
    onsite.call(site, "add", count=count, version=0)
    for kill in range(1, kills + 1):
        worker = site.start_worker()
        time.sleep(0.4 + choose.random() * 1.6)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.popen.wait()
        some = choose.randrange(1, count // 3 + 1)
        start = choose.randrange(count - some)
        assert onsite.call(site, "after_kill", count=some, version=kill % 9, start=start) == []
    onsite.call(site, "end_leases")
    site.start_worker()
    states = [state for state, _ in onsite.call(site, "settled", seconds=of(600, 60)).values()]
    assert onsite.call(site, "torn") == []
    assert len(states) == count
    assert set(states) <= DONE
    assert states.count("ready") >= count * 0.9
    assert "sound" in site.manage("check_knowledge")


@pytest.mark.timeout(of(7_200, 180))
def test_hostile_files_fail_one_by_one_in_words_and_the_next_good_one_is_ready(
    site: Site, tmp_path: Path
) -> None:
    files = hostile.files()
    assert len(files) >= 120
    chosen = files if LONG else files[::12]
    site.start()
    worker = site.start_worker()
    web = resident(site.pid)
    # One by one each shows how long it takes; all at once is faster.
    for number, batch in enumerate([[file] for file in chosen] if LONG else [chosen]):
        folder = tmp_path / str(number)
        folder.mkdir()
        named = {f"{number}-{place}.{file.format}": file for place, file in enumerate(batch)}
        for name, file in named.items():
            (folder / name).write_bytes(file.build())
        began = time.monotonic()
        onsite.call(site, "add_files", folder=str(folder))
        told = onsite.call(site, "settled", seconds=120)
        assert time.monotonic() - began < 120
        for name, file in named.items():
            state, words = told[name]
            assert state in DONE
            wanted = WORDS[file.code] if file.code else words  # type: ignore[index]
            assert words == wanted, (file.name, state, words)
            assert words in WORDS.values() or (state == "ready" and not file.code)
    folder = tmp_path / "good"
    folder.mkdir()
    (folder / "good.docx").write_bytes(hostile.sound("docx"))
    onsite.call(site, "add_files", folder=str(folder))
    assert onsite.call(site, "settled", seconds=30)["good.docx"][0] == "ready"
    assert worker.running()
    assert resident(site.pid) - web < 50 * 1024 * 1024
    assert not Path("/tmp/canary").exists()  # noqa: S108


@pytest.mark.timeout(of(7_200, 120))
def test_no_answer_that_began_after_it_was_unpublished_or_deleted_cites_a_document(site: Site) -> None:
    rounds = of(1_000, 40)
    onsite.call(site, "add_read", count=8)
    env = environment(site.var_dir, site.env)
    askers = [
        subprocess.Popen(
            onsite.command("ask"), cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for asker in askers:
        assert asker.stdout is not None
        assert asker.stdout.readline() == b"ready\n"
    hidden = onsite.call(site, "hide_and_show", rounds=rounds, seed=chances().randrange(1_000))
    answers = [json.loads(asker.communicate()[0]) for asker in askers]
    cited = {source for told in answers for _, _, sources in told for source in sources}
    print(f"{len(hidden)} hidden, {[len(told) for told in answers]} answers")  # noqa: T201
    began_while_hidden = 0
    for source, gone, back in hidden:
        for told in answers:
            for began, ended, sources in told:
                if gone < began and ended < back:
                    began_while_hidden += 1
                    assert source not in sources
    assert began_while_hidden > rounds / 4
    assert {source for source, _, _ in hidden} & cited


def test_a_worker_that_is_asked_to_end_hands_back_at_once_what_takes_minutes(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "long.md").write_text("\n\n".join(onsite.text(number, 0) for number in range(120)))
    onsite.call(site, "add_files", folder=str(tmp_path))
    worker: Process = site.start_worker()
    assert onsite.call(site, "being_embedded", seconds=60)
    began = time.monotonic()
    assert worker.stop(signal.SIGTERM, seconds=of(20, 60)) == 0
    print(f"ended {time.monotonic() - began:.1f} s after it was asked to")  # noqa: T201
    assert onsite.call(site, "due_at_once") == [["pending", 0]]
