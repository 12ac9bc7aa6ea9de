"""Rules of the house that no linter knows."""

import re
from pathlib import Path

from django.apps import apps
from django.conf import settings

APPS = ("joblynk", "chat", "knowledge", "videos")
ROOT = Path(settings.BASE_DIR)
QUERIES_LIVE_IN = re.compile(
    r"(^chat/transcripts|^knowledge/library|^videos/catalogue|(^|/)models|/admin)(\.py|/)"
)
SIZE = 400  # lines


def sources() -> dict[str, str]:
    found = {}
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if "/tests/" not in name and "/migrations/" not in name and "/testing/" not in name:
                found[name] = path.read_text(encoding="utf-8")
    return found


def test_queries_stand_where_they_belong() -> None:
    ours = "|".join(model.__name__ for model in apps.get_models() if model.__module__.split(".")[0] in APPS)
    query = re.compile(rf"\b({ours})\.objects\b")
    found = sources().items()
    assert [name for name, text in found if query.search(text) and not QUERIES_LIVE_IN.search(name)] == []


def test_no_source_has_grown_beyond_what_is_read_at_once() -> None:
    assert {n: lines for n, text in sources().items() if (lines := text.count("\n")) > SIZE} == {}


def test_nothing_unpickles() -> None:
    """A pickle runs what it holds; models are safetensors and ONNX, messages are JSON."""
    modules = r"^\s*(import|from) (pickle|cloudpickle|dill|joblib|shelve|marshal)\b"
    unsafe = re.compile(modules + r"|torch\.load\(|allow_pickle=[T]rue|PickleSerializer[(]", re.MULTILINE)
    folders = (ROOT / name for name in (*APPS, "benchmarks", "e2e"))
    paths = [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]
    assert len(paths) > 200
    assert [str(path) for path in paths if unsafe.search(path.read_text(encoding="utf-8"))] == []
