"""A Chromium for the tests: the one that is there, or one that is installed now, or a clear failure."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from joblynk.testing.servers import ServerError

ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@functools.cache
def chromium() -> str:
    """The path of a Chromium: `CHROMIUM`, the system's, Playwright's, or one installed with apt as root.

    Raises ServerError when none of these works; browser tests then fail and say so, they don't skip.
    """
    if named := os.environ.get("CHROMIUM"):
        if not Path(named).exists():
            raise ServerError(f"CHROMIUM={named} does not exist.")
        return named
    return _on_this_system() or _from_playwright() or _from_apt() or _give_up()


def arguments() -> list[str]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses to run as root
    return [*sandbox, *ARGUMENTS]


def _on_this_system() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


def _from_playwright() -> str | None:
    _run([sys.executable, "-m", "playwright", "install", "chromium"])
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _from_apt() -> str | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    _run(["apt-get", "update", "-q"])
    _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"])
    return _on_this_system()


def _give_up() -> str:
    raise ServerError(
        "The browser tests need Chromium and found none: `playwright install chromium` and `apt-get install "
        "chromium` did not help. Install Chromium, or name one with CHROMIUM=/path/to/chromium."
    )


def _run(command: list[str]) -> None:
    subprocess.run(command, check=False, capture_output=True, timeout=600)  # noqa: S603
