"""The worker: what is due goes on beside the queue, and what fails holds up nothing else."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

from joblynk.management.commands.work import Beside, take


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="sessions are scheduled alike here")
def test_a_worker_in_a_session_of_its_own_leaves_the_processor_to_the_chats() -> None:
    code = "from joblynk.processes import step_back; step_back(); import os; print(os.nice(0));"
    code += "print(open('/proc/self/autogroup').read())"
    told = [
        subprocess.check_output([sys.executable, "-c", code], start_new_session=alone, text=True).split()
        for alone in (True, False)
    ]
    assert [own[0] for own in told] == ["10", "10"]
    assert told[0][-2:] == ["nice", "10"]
    assert told[1][1:] == Path("/proc/self/autogroup").read_text(encoding="ascii").split()


def test_every_kind_of_work_that_the_settings_name_is_a_function() -> None:
    for path in (*settings.READING_WORK, *settings.BACKGROUND_WORK):
        assert callable(import_string(path))


@pytest.mark.django_db  # what a test before it has left open is looked at
def test_a_kind_of_work_that_fails_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def broken() -> bool:
        raise RuntimeError("out of order")

    def sound() -> bool:
        done.set()
        return False

    assert take(broken) is False
    beside = Beside([broken, sound])
    beside.start()
    assert done.wait(30)
    beside.stop()
    assert not beside.is_alive()
    assert "background_work_failed" in caplog.text


@pytest.mark.django_db
def test_stopping_waits_for_the_work_at_hand() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> bool:
        begun.set()
        go_on.wait(30)
        ended.set()
        return True

    never: Callable[[], bool] = lambda: pytest.fail("taken after the stop")  # noqa: E731
    beside = Beside([slow, never])
    beside.start()
    assert begun.wait(30)
    threading.Timer(0.05, go_on.set).start()
    beside.stop()
    assert ended.is_set()
