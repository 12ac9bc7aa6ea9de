"""Sixty screenshots of errors, with what stands in them: rendered by a real browser, the same every time.

    with sync_playwright() as playwright:
        for screen in render(playwright.chromium.launch(...), SCREENS): screen.data, screen.text, …

What stands in a picture is asked of the page that was rendered: every line of text with its place. Some of
the pictures are then made worse, as those that customers send are.
"""

# ruff: noqa: E501  (styles and sentences read better whole)

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import Browser

from joblynk.testing.screen_texts import ENGLISH, GERMAN, Words

Look = Literal["light", "dark", "phone", "umlauts", "small", "blurred", "jpeg", "photo"]
DEGRADED: frozenset[Look] = frozenset({"blurred", "jpeg", "photo"})
_COUNTS: dict[Look, int] = {
    "light": 8,
    "dark": 8,
    "phone": 8,
    "umlauts": 8,
    "small": 7,
    "blurred": 7,
    "jpeg": 7,
    "photo": 7,
}
_ORIENTATION = 0x0112
_GPS = 0x8825


@dataclass(frozen=True, slots=True)
class Screen:
    """What is to be rendered."""

    look: Look
    words: Words
    number: int

    @property
    def name(self) -> str:
        return f"{self.look}-{self.number}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """`data` is a PNG or JPEG; `text` its lines from top to bottom, each from left to right."""

    screen: Screen
    data: bytes
    text: str

    @property
    def degraded(self) -> bool:
        return self.screen.look in DEGRADED


def _screens() -> Iterator[Screen]:
    english, german = 0, 0
    for look, count in _COUNTS.items():
        for number in range(count):
            if look == "umlauts" or (look in DEGRADED and number % 3 == 2):
                yield Screen(look, GERMAN[german % len(GERMAN)], number)
                german += 1
            else:
                yield Screen(look, ENGLISH[english % len(ENGLISH)], number)
                english += 1


SCREENS: tuple[Screen, ...] = tuple(_screens())
FEW: tuple[Screen, ...] = tuple(
    next(screen for screen in SCREENS if screen.look == look and screen.number == 2) for look in _COUNTS
)
"""One of each look."""


def render(browser: Browser, screens: Sequence[Screen]) -> Iterator[Rendered]:
    for screen in screens:
        phone = screen.look == "phone"
        context = browser.new_context(
            viewport={"width": 390, "height": 780} if phone else {"width": 1100, "height": 700},
            device_scale_factor=2 if phone else 1,
            color_scheme="dark" if screen.look == "dark" or screen.number % 4 == 3 else "light",
        )
        page = context.new_page()
        page.set_content(_html(screen))
        lines: list[list[Any]] = page.evaluate(_LINES)
        data = page.screenshot()
        context.close()
        yield Rendered(screen, _worse(screen, data), _in_order(lines))


def _in_order(lines: list[list[Any]]) -> str:
    """Lines whose middles are within half a line's height of each other are read as one."""
    rows: list[list[list[Any]]] = []
    for line in sorted(lines, key=lambda line: (line[2] + line[4]) / 2):
        middle, height = (line[2] + line[4]) / 2, line[4] - line[2]
        last = rows[-1][0] if rows else None
        if last is not None and middle - (last[2] + last[4]) / 2 < min(height, last[4] - last[2]) / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    return "\n".join(" ".join(line[0] for line in sorted(row, key=lambda line: line[1])) for row in rows)


# --- Making it worse ---------------------------------------------------------------------------


def _worse(screen: Screen, data: bytes) -> bytes:
    match screen.look:
        case "blurred":
            image = cv2.GaussianBlur(_array(data), (0, 0), 0.9 + 0.1 * (screen.number % 4))
            return bytes(cv2.imencode(".png", image)[1])
        case "jpeg":
            file = io.BytesIO()
            Image.open(io.BytesIO(data)).convert("RGB").save(file, "JPEG", quality=40)
            return file.getvalue()
        case "photo":
            return _photo(_array(data), screen.number)
    return data


def _photo(image: Any, number: int) -> bytes:
    """Of a screen, taken by hand: turned a few degrees, seen from the side, lit unevenly, with noise, and
    every other one held upright, so that only its EXIF says which side is up."""
    chance = np.random.default_rng(number)
    image = cv2.resize(image, None, fx=1.6, fy=1.6, interpolation=cv2.INTER_CUBIC)
    tall, wide = image.shape[:2]
    turn = cv2.getRotationMatrix2D((wide / 2, tall / 2), float(chance.uniform(2, 6)) * (-1) ** number, 0.9)
    image = cv2.warpAffine(image, turn, (wide, tall), borderValue=(48, 52, 58))
    corners = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    inwards = np.array([[wide, tall], [-wide, tall], [-wide, -tall], [wide, -tall]], np.float32)
    moved = corners + chance.uniform(0, 0.03, (4, 2)).astype(np.float32) * inwards
    image = cv2.warpPerspective(
        image, cv2.getPerspectiveTransform(corners, moved), (wide, tall), borderValue=(48, 52, 58)
    )
    light = np.linspace(0.72, 1.05, wide, dtype=np.float32)[None, :, None]
    noisy = image.astype(np.float32) * light + chance.normal(0, 5, image.shape).astype(np.float32)
    picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)[:, :, ::-1])
    exif = Image.Exif()
    exif[_GPS] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    if number % 2:
        picture, exif[_ORIENTATION] = picture.transpose(Image.Transpose.ROTATE_90), 6
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80, exif=exif)
    return file.getvalue()


def _array(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


# --- The pages ---------------------------------------------------------------------------------

_LINES = """() => {
  const lines = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const range = document.createRange();
    let words = [], box = null;
    const close = () => { if (words.length) lines.push([words.join(' '), box.left, box.top, box.right, box.bottom]);
                          words = []; };
    for (const found of node.textContent.matchAll(/\\S+/g)) {
      range.setStart(node, found.index); range.setEnd(node, found.index + found[0].length);
      const at = range.getBoundingClientRect();
      if (words.length && at.top > box.top + 2) close();
      if (!words.length) box = {left: at.left, top: at.top, right: at.right, bottom: at.bottom};
      words.push(found[0]);
    }
    close();
  }
  return lines;
}"""

_STYLE = """
* { box-sizing: border-box; margin: 0 }
body { font: %(size)s/1.45 "%(font)s", sans-serif; background: #f4f5f7; color: #1d2330 }
nav { display: flex; gap: 2.2em; padding: .8em 1.6em; background: #fff; border-bottom: 1px solid #dde1e8; color: #4b5468 }
nav b { color: #123 } nav span:last-child { margin-left: auto }
main { max-width: 36em; margin: 3em auto; padding: 1.8em 2em; background: #fff; border: 1px solid #dde1e8; border-radius: 10px }
h1 { font-size: 1.5em; margin-bottom: .5em } p { margin-bottom: .9em }
code { font: .95em "Liberation Mono", monospace; background: #eef0f4; padding: .15em .4em }
button { font: inherit; padding: .5em 1.2em; margin-right: .8em; border: 1px solid #8893a8; border-radius: 6px; background: #1f5fd1; color: #fff }
button + button { background: transparent; color: inherit }
footer { position: absolute; bottom: 1em; left: 1.6em; right: 1.6em; display: flex; gap: 2em; color: #6b7386; font-size: .85em }
@media (prefers-color-scheme: dark) {
  body { background: #14171d; color: #e4e7ee } nav, main { background: #1c2028; border-color: #333a47; color: #c6ccd8 }
  nav b { color: #fff } main { color: #e4e7ee } code { background: #2a303b } footer { color: #98a1b3 }
}
@media (max-width: 500px) {
  nav { flex-wrap: wrap; gap: .6em 1.4em } main { margin: 1.6em 1em; padding: 1.2em } button { margin-bottom: .6em }
  nav span:last-child { margin-left: 0 }
}
"""


def _html(screen: Screen) -> str:
    words = screen.words
    size = {"small": "10.5px", "phone": "15px"}.get(screen.look, "15px")
    font = ("Liberation Sans", "DejaVu Sans")[screen.number % 2]
    clock = f"{7 + screen.number}:{(13 * screen.number + 5) % 60:02}"
    nav = "".join(f"<span>{item}</span>" for item in words.menu)
    buttons = "".join(f"<button>{button}</button>" for button in words.buttons)
    code = f"<p>{words.label} <code>{words.code}</code></p>"
    style = _STYLE % {"size": size, "font": font}
    return (
        f"<!doctype html><meta charset=utf-8><style>{style}</style>"
        f"<nav><b>Joblynk</b>{nav}<span>{clock}</span></nav>"
        f"<main><h1>{words.title}</h1><p>{words.message}</p>{code}{buttons}</main>"
        f"<footer><span>{words.footer}</span></footer>"
    )
