"""A scene → HTML, in the colours of the chat. The page's script (`scene.js`) draws it at any moment.

A screen is written line by line:

    # heading                     . a paragraph               ok: / warn: / err: a notice
    [Label] value                 [Label]> typed meanwhile    - left | right (a row; ok: and warn: too)
    ((Main button))  (Button)     on / off A switch           bar 85, qr, face

`>>` before a line marks what the pointer clicks.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from html import escape
from itertools import groupby

from videos.demo.storyboard import HERE, Scene, Storyboard

INTER = HERE.parents[1] / "static/vendor/inter/inter-latin-wght-normal.woff2"
_FIELD = re.compile(r"\[(?P<label>[^\]]*)\](?P<typed>>?)\s*(?P<value>.*)")
_CHIP = re.compile(r"(?P<kind>ok|warn):\s*(?P<text>.*)")
_MARKED = re.compile(r"(?P<kind>ok|warn|err):\s*(?P<text>.*)")


def page(board: Storyboard) -> str:
    """The whole video as one page: a stage on which `show(place, moment)` draws."""
    font = b64encode(INTER.read_bytes()).decode()
    style = (HERE / "scene.css").read_text(encoding="utf-8")
    script = (HERE / "scene.js").read_text(encoding="utf-8")
    scenes = "".join(_scene(board, scene) for scene in board.scenes)
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><style>
@font-face {{ font-family: Inter; font-weight: 100 900; src: url(data:font/woff2;base64,{font}) }}
{style}</style><body>{_title(board)}{scenes}
<svg id="pointer" viewBox="0 0 24 24"><path d="M4 2v18l5-5 3 7 3-1.300-3-7h7z"/></svg><i id="ripple"></i>
<script>{script}</script></body></html>"""


def _title(board: Storyboard) -> str:
    window = _window(board.scenes[0])
    return f"""<section class="card title"><i class="moon"></i><i class="sun"></i>
<div class="words"><p class="brand">Joblynk help</p><h1>{_words(board.title)}</h1>
<p class="length">{escape(board.description)}</p></div>{window}</section>"""


def _scene(board: Storyboard, scene: Scene) -> str:
    chapters = [chapter["title"] for chapter in board.chapters]
    place = chapters.index(scene.chapter)
    dots = "".join(
        f"<i class='{'now' if n == place else 'past' if n < place else ''}'></i>"
        for n in range(len(chapters))
    )
    return f"""<section class="scene"><aside><p class="chapter">{escape(scene.chapter)}</p>
<p class="step">{scene.step}</p><h2>{_words(scene.do)}</h2><div class="dots">{dots}</div></aside>
{_window(scene)}</section>"""


def _window(scene: Scene) -> str:
    if scene.at == "phone":
        bar, kind = "<div class='notch'></div>", "phone"
    elif scene.at == "mail":
        bar, kind = "<div class='bar mailbar'><b>✉</b>Mailbox</div>", "mail"
    else:
        bar, kind = f"<div class='bar'><i></i><i></i><i></i><span>{escape(scene.at)}</span></div>", "web"
    return f"<div class='window {kind}'>{bar}<div class='screen'>{''.join(_blocks(scene.screen))}</div></div>"


def _blocks(screen: str) -> Iterator[str]:
    """Neighbouring buttons share a line, neighbouring rows a table."""
    lines = [line.strip() for line in screen.strip().splitlines()]
    for kind, group in groupby(lines, key=_kind):
        parts = "".join(_line(line) for line in group)
        yield f"<div class='{kind}'>{parts}</div>" if kind else parts


def _kind(line: str) -> str:
    bare = line.removeprefix(">>").strip()
    return "buttons" if bare.startswith("(") else "rows" if bare.startswith("- ") else ""


def _line(line: str) -> str:
    bare = line.removeprefix(">>").strip()
    target = " data-target" if bare != line else ""
    if bare.startswith("("):
        main = bare.startswith("((")
        return f"<span class='button{' main' if main else ''}'{target}>{escape(bare.strip('()'))}</span>"
    if field := _FIELD.fullmatch(bare):
        typed = " data-typed" if field["typed"] else ""
        return (
            f"<label>{escape(field['label'])}</label>"
            f"<div class='field'{target}><span{typed}>{escape(field['value'])}</span></div>"
        )
    if notice := _MARKED.fullmatch(bare):
        return f"<p class='notice {notice['kind']}'>{escape(notice['text'])}</p>"
    word, _, rest = bare.partition(" ")
    return _WORDS[word](rest, target)


def _row(rest: str, target: str) -> str:
    left, _, right = (part.strip() for part in rest.partition("|"))
    chip = _CHIP.fullmatch(right)
    shown = (
        f"<b class='{chip['kind']}'>{escape(chip['text'])}</b>" if chip else f"<span>{escape(right)}</span>"
    )
    return f"<div class='row'{target}><span>{escape(left)}</span>{shown}</div>"


def _switch(state: str) -> Callable[[str, str], str]:
    return lambda rest, target: (
        f"<div class='switch {state}'{target}><span>{escape(rest)}</span><i></i></div>"
    )


_WORDS: dict[str, Callable[[str, str], str]] = {
    "#": lambda rest, target: f"<h3>{escape(rest)}</h3>",
    ".": lambda rest, target: f"<p>{escape(rest)}</p>",
    "-": _row,
    "on": _switch("on"),
    "off": _switch("off"),
    "bar": lambda rest, target: f"<div class='meter'><i style='width:{int(rest)}%'></i></div>",
    "qr": lambda rest, target: "<div class='qr'></div>",
    "face": lambda rest, target: "<div class='face'><i></i><b></b></div>",
}


def _words(text: str) -> str:
    """Compound words stay on one line."""
    return re.sub(r"\S+-\S+", lambda found: f"<nobr>{found[0]}</nobr>", escape(text))
