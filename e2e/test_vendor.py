"""The files that others made are the ones on record."""

import hashlib
import re

from joblynk.testing.sites import ROOT

VENDOR = ROOT / "static/vendor"
ROW = re.compile(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_every_vendored_file_has_the_hash_on_record_and_a_licence() -> None:
    recorded = dict(ROW.findall((VENDOR / "README.md").read_text(encoding="utf-8")))
    files = {
        path for path in VENDOR.rglob("*") if path.is_file() and path.name not in ("README.md", "LICENSE")
    }
    hashes = {str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert hashes == recorded
    assert all((path.parent / "LICENSE").exists() for path in files)


def test_the_import_map_names_every_module() -> None:
    page = (ROOT / "templates/chat/page.html").read_text(encoding="utf-8")
    modules = {path.name for path in (ROOT / "static/chat").glob("*.js")} - {"main.js"}
    assert set(re.findall(r"{% static 'chat/([\w-]+\.js)' %}\",?$", page, re.MULTILINE)) == modules
