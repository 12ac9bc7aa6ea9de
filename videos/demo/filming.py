"""Storyboard → WebM and poster: Chromium draws the frames that differ, ffmpeg holds and packs them."""

import io
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from joblynk.testing.browsers import arguments, chromium
from videos.demo import drawing
from videos.demo.storyboard import TITLE_SECONDS, Storyboard

FRAMES = 10  # a second
SIZE = (1280, 720)
POSTER = (640, 360)
MOST_BYTES = 270_000
QUALITIES = (42, 47, 52)  # VP9's constant quality: the first that is small enough


def film(boards: list[Storyboard], folder: Path) -> Iterator[str]:
    """Yields a line about each video. Raises ValueError when one cannot be made small enough."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments())
        for board in boards:
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
            page.set_content(drawing.page(board))
            page.evaluate("document.fonts.ready.then(() => true)")
            with tempfile.TemporaryDirectory() as scratch:
                frames = _shoot(page, board, Path(scratch))
                size = _pack(frames, board, folder / f"{board.slug}.webm")
                _poster(Path(scratch) / "0.png", folder / f"{board.slug}.webp")
            page.close()
            yield f"{board.slug}: {board.duration} s, {size // 1000} kB"
        browser.close()


def _shoot(page: Page, board: Storyboard, scratch: Path) -> Path:
    """A list for ffmpeg: each picture and how many seconds it stands."""
    lengths = [TITLE_SECONDS, *(scene.seconds for scene in board.scenes)]
    shots: list[list[Any]] = []  # a PNG, and for how many frames it stands
    for place, length in enumerate(lengths):
        for frame in range(round(length * FRAMES)):
            moment = frame / FRAMES
            if frame and (place == 0 or not _moves(frame, length)):
                shots[-1][1] += 1
                continue
            page.evaluate("([place, moment, length]) => show(place, moment, length)", [place, moment, length])
            shots.append([page.screenshot(caret="initial"), 1])
    lines = ["ffconcat version 1.0"]
    for number, (picture, count) in enumerate(shots):
        (scratch / f"{number}.png").write_bytes(picture)
        lines += [f"file {number}.png", f"duration {count / FRAMES}"]
    lines.append(f"file {len(shots) - 1}.png")  # the last one's duration counts only with another after it
    listing = scratch / "frames.txt"
    listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return listing


def _moves(frame: int, length: float) -> bool:
    """Whether anything can move: the window slides in, text is typed, the pointer goes and clicks."""
    moment = frame / FRAMES
    if moment <= 0.3 or length - 1.9 <= moment <= length - 0.5:
        return True
    return moment <= length - 1.2 and not frame % 2  # typing is smooth enough at half the pace


def _pack(listing: Path, board: Storyboard, target: Path) -> int:
    """Bytes of the file. Chapters begin with a whole picture, so that players find them at once."""
    starts = ",".join(str(chapter["start"]) for chapter in board.chapters)
    for quality in QUALITIES:
        options = (
            f"-vsync cfr -c:v libvpx-vp9 -b:v 0 -crf {quality} -pix_fmt yuv420p "
            f"-deadline good -cpu-used 2 -row-mt 1 -g 150 -force_key_frames {starts} "
            "-cues_to_front 1 -fflags +bitexact -an"
        ).split()
        source = ["-f", "concat", "-i", str(listing), "-r", str(FRAMES)]
        command = ["ffmpeg", "-v", "error", "-y", *source, *options, str(target)]
        subprocess.run(command, check=True)  # noqa: S603
        if (size := target.stat().st_size) <= MOST_BYTES:
            return size
    raise ValueError(f"{board.slug} is over {MOST_BYTES} bytes even at quality {QUALITIES[-1]}.")


def _poster(picture: Path, target: Path) -> None:
    with Image.open(io.BytesIO(picture.read_bytes())) as image:
        image.convert("RGB").resize(POSTER, Image.Resampling.LANCZOS).save(target, quality=80, method=6)
