"""Sixty screenshots, sent alone, as customers send them; one large one beside bare `rapidocr`; and what a
web process feels of eight large photos at once."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks import measure
from benchmarks.client import Customer
from benchmarks.ground import Ground
from benchmarks.report import Row, at_least, at_most, number
from benchmarks.uploading import upload
from joblynk.testing.browsers import arguments, chromium
from joblynk.testing.scores import Score, score
from joblynk.testing.screens import FEW, SCREENS, Rendered, render
from joblynk.testing.settings import RUN_DIR
from joblynk.testing.sites import ROOT, Site

PHOTOS, MEGAPIXELS = 8, 12
_WIDE, _HIGH = 1920, 1080


def rows(ground: Ground) -> list[Row]:
    folder = RUN_DIR / "pictures"
    folder.mkdir(exist_ok=True)
    screens = _rendered(FEW if ground.quick else SCREENS, folder / "page.png")
    with ground.site("daphne") as site:
        scores = asyncio.run(_asked(site, screens))
        photos = _photos(folder)
        felt = [asyncio.run(_crowded(site, photos)) for _ in range(ground.of(5, 1))]
    return [*_quality(scores), *_ratios(ground, folder / "page.png"), *_felt(felt)]


def _rendered(screens: Sequence[Any], page_path: Path) -> list[Rendered]:
    """The screenshots; and a full page of text at `page_path`."""
    article = (ROOT / "knowledge/demo/articles/sign-in.md").read_text(encoding="utf-8")
    lines = "".join(f"<p>{line}</p>" for line in article.splitlines() if line.strip())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments())
        page = browser.new_page(viewport={"width": _WIDE, "height": _HIGH})
        page.set_content(f'<body style="font: 16px sans-serif; columns: 2">{lines}')
        page.screenshot(path=page_path)
        return list(render(browser, screens))


# --- Quality -----------------------------------------------------------------------------------


async def _asked(site: Site, screens: Sequence[Rendered]) -> list[Score]:
    customer = await Customer(site.socket_url).connect()
    scores = []
    for screen in screens:
        told = await asyncio.to_thread(upload, site.url, customer.visitor, screen.data)
        asked = await customer.ask("", [told["id"]])
        shown = next(
            event["message"]["attachments"][0]["reading"]
            for event in customer.events.values()
            if event["type"] == "message.updated"
            and event["message"]["client_message_id"] == asked.client_message_id
        )
        scores.append(score(screen, shown["text"], asked.message.get("sources", [])))
    await customer.close()
    return scores


def _quality(scores: Sequence[Score]) -> list[Row]:
    clean = [one.accuracy for one in scores if not one.screen.degraded]
    degraded = [one.accuracy for one in scores if one.screen.degraded]
    return [
        at_least(f"characters read rightly, {len(clean)} clean screenshots", fmean(clean), 0.97, ""),
        at_least(f"  {len(degraded)} blurred, compressed, photographed", fmean(degraded), 0.85, ""),
        at_least("  error code found", fmean(one.code_read for one in scores), 0.95, ""),
        at_least("  its passage cited, picture only", fmean(one.cited for one in scores), 0.9, ""),
    ]


# --- Beside bare rapidocr ----------------------------------------------------------------------


def _ratios(ground: Ground, path: Path) -> list[Row]:
    """The best of some runs each, in turns: other work on the machine only ever adds."""
    runs = [
        {
            which: ground.measured(f"benchmarks.pictures:{which}", RUN_DIR, path=str(path))
            for which in _READERS
        }
        for _ in range(ground.of(3, 1))
    ]
    best = {which: [min(run[which][part] for run in runs) for part in (0, 1)] for which in _READERS}
    (seconds, memory), (bare_seconds, bare_memory) = best["ours"], best["bare"]
    beside = f"rapidocr {number(bare_seconds, 's')}, {number(bare_memory / 1e6, 'MB')}"
    return [
        Row("1080p screenshot", number(seconds, "s"), beside),
        at_most("  time", seconds / bare_seconds, 1.1, "×"),
        at_most("  memory of the child", memory / bare_memory, 1.1, "×"),
    ]


_READERS = ("bare", "ours")


def bare(path: str) -> list[float]:
    """Seconds of the second reading, peak memory: `rapidocr` as it comes."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "critical"})
    return _timed(lambda: engine(np.asarray(Image.open(path).convert("RGB"))[:, :, ::-1]))


def ours(path: str) -> list[float]:
    from joblynk.pictures import ocr

    return _timed(lambda: ocr.read(Path(path)))


def _timed(read: Any) -> list[float]:
    import os
    import time

    read()
    began = time.perf_counter()
    read()
    return [time.perf_counter() - began, measure.peak(os.getpid())]


# --- What the web process feels ----------------------------------------------------------------


def _photos(folder: Path) -> list[Path]:
    """Of twelve million pixels each, as a phone makes them."""
    height, width = 3_000, 4_000
    chance = np.random.default_rng(1)
    waves = np.sin(np.linspace(0, 40, width))[None, :, None] * 60 + 120
    paths = []
    for place in range(PHOTOS):
        noise = chance.integers(0, 40, (height, width, 3), dtype=np.uint8)
        paths.append(folder / f"photo-{place}.jpg")
        Image.fromarray((waves + noise).astype(np.uint8)).save(paths[-1], quality=88)
    return paths


@dataclass(frozen=True, slots=True)
class _Felt:
    """Seconds of each ping while all photos are taken in at once, of one at rest, and the bytes by which the
    web process grew at most."""

    pings: list[float]
    idle: float
    grown: int


async def _crowded(site: Site, photos: Sequence[Path]) -> _Felt:
    customer = await Customer(site.socket_url).connect()
    await asyncio.to_thread(upload, site.url, secrets.token_hex(16), photos[0].read_bytes())  # warm
    idle = median([await customer.ping() for _ in range(50)])
    before, most, pings = measure.resident(site.pid), 0, []
    command = [sys.executable, "-m", "benchmarks.uploading", site.url, *map(str, photos)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    uploads = asyncio.create_task(process.communicate())
    while not uploads.done():
        pings.append(await customer.ping())
        most = max(most, measure.resident(site.pid))
        await asyncio.sleep(0.01)
    statuses = json.loads(uploads.result()[0])
    await customer.close()
    if statuses != [201] * len(photos):
        raise RuntimeError(f"not all photos were taken: {statuses}")
    return _Felt(pings, idle, most - before)


def _felt(rounds: Sequence[_Felt]) -> list[Row]:
    """The longest wait of the best round: other work on the machine only ever adds."""
    best = min(rounds, key=lambda one: max(one.pings))
    p99 = measure.percentile(best.pings, 0.99)
    what = f"{PHOTOS} photos of {MEGAPIXELS} million pixels at once: longest wait of another customer"
    beside = f"{number(best.idle * 1e3, 'ms')} at rest; p99 {number(p99 * 1e3, 'ms')}"
    return [
        at_most(what, max(best.pings) * 1e3, 50, "ms", beside),
        at_most("  growth of the web process", max(one.grown for one in rounds) / 1e6, 50, "MB"),
    ]
