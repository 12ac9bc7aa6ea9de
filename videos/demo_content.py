"""The demo videos: read from their folder into the catalogue. Twice is once.

`videos/demo/make.py` makes the files. A video of the demo that staff have changed is brought back to what
the folder says, as the demo's guides are; videos of their own are left alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files import File

from videos import captions, catalogue, reading
from videos.catalogue import NewChapter
from videos.models import Video

FOLDER = Path(__file__).parent / "demo"
ORIGIN = "demo/"


@dataclass(frozen=True, slots=True)
class Loaded:
    new: int = 0
    changed: int = 0


def load(folder: Path = FOLDER) -> Loaded:
    """Load what is new or has changed, and make it searchable."""
    entries = json.loads((folder / "videos.json").read_text(encoding="utf-8"))["videos"]
    there = catalogue.by_origin(ORIGIN)
    new = changed = 0
    for entry in entries:
        row = there.get(ORIGIN + entry["slug"])
        if row is None:
            new += 1
        elif _same(row, entry, folder / "files"):
            continue
        else:
            changed += 1
        _store(row or Video(origin=ORIGIN + entry["slug"]), entry, folder / "files")
    return Loaded(new, changed)


def _same(row: Video, entry: dict[str, Any], files: Path) -> bool:
    chapters = [(one.start, one.title, one.text) for one in row.chapters.all()]
    wanted = [(one["start"], one["title"], one["text"]) for one in entry["chapters"]]
    said = [catalogue.captions(track.pk) for track in row.tracks.all()]
    return (
        (row.title, row.description, row.tags, row.duration)
        == (entry["title"], entry["description"], entry["tags"], entry["duration"])
        and row.size == (files / entry["file"]).stat().st_size
        and chapters == wanted
        and said == [_captions(entry, files)]
        and _stored(row)
    )


def _stored(row: Video) -> bool:
    """Whether the files are still there: a database may come without its uploads."""
    return all(field and field.storage.exists(field.name) for field in (row.file, row.poster))


def _store(row: Video, entry: dict[str, Any], files: Path) -> None:
    row.title, row.description = entry["title"], entry["description"]
    row.tags, row.language, row.duration = entry["tags"], entry["language"], entry["duration"]
    row.provider = Video.Provider.FILE
    poster = (files / entry["poster"]).read_bytes()
    with (files / entry["file"]).open("rb") as film:
        catalogue.save(row, file=File(film, entry["file"]), poster=poster)
    chapters = [NewChapter(one["start"], one["title"], one["text"]) for one in entry["chapters"]]
    catalogue.set_chapters(row.pk, chapters)
    catalogue.put_captions(row.pk, entry["language"], "English", _captions(entry, files))
    reading.read(row.pk)


def _captions(entry: dict[str, Any], files: Path) -> list[captions.Caption]:
    return captions.parse((files / entry["captions"]).read_bytes())
