"""The worker: what is due goes on beside the queue, and what fails holds up nothing else."""

import threading
from collections.abc import Callable

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

from joblynk.management.commands.work import Beside, take


def test_every_kind_of_work_that_the_settings_name_is_a_function() -> None:
    for path in (*settings.READING_WORK, *settings.BACKGROUND_WORK):
        assert callable(import_string(path))


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
