"""The site's settings in a test process, with an environment that no developer's shell can colour.

`TEST_DATABASE=postgresql` runs the suite on PostgreSQL instead of SQLite. `DATABASE_URL` and `REDIS_URL`
name servers to use instead of the ones that `joblynk.testing.servers` starts.
"""

# ruff: noqa: E402, F403, F405  (the environment has to be right before the settings read it)

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path


def _run_dir() -> Path:
    """One directory a run, shared with the processes that the run starts, gone when it ends."""
    if "JOBLYNK_TEST_DIR" not in os.environ:
        created = tempfile.mkdtemp(prefix="joblynk-")
        Path(created).chmod(0o755)  # PostgreSQL refuses to run as root, so another user looks in
        atexit.register(shutil.rmtree, created, ignore_errors=True)
        os.environ["JOBLYNK_TEST_DIR"] = created
        _keep_given_servers()
    return Path(os.environ["JOBLYNK_TEST_DIR"])


def _keep_given_servers() -> None:
    """Once a run: the processes that it starts find a DATABASE_URL of the run's own."""
    if (url := os.environ.get("DATABASE_URL", "")).startswith("postgres"):
        os.environ["TEST_POSTGRES_URL"] = url
    if url := os.environ.get("REDIS_URL", ""):
        os.environ["TEST_REDIS_URL"] = url


_ROOT = Path(__file__).resolve().parents[2]
RUN_DIR = _run_dir()
for _name in re.findall(
    r'env_\w+\(\s*"(\w+)"', (_ROOT / "joblynk" / "settings.py").read_text(encoding="utf-8")
):
    os.environ.pop(_name, None)
    os.environ.pop(f"{_name}_FILE", None)
os.environ["SECRET_KEY"] = "only-for-tests-and-long-enough-to-satisfy-the-deployment-check"  # noqa: S105
os.environ["VAR_DIR"] = str(RUN_DIR / "var")
os.environ["LOG_LEVEL"] = "DEBUG"  # what is written then is compared with what may not be

POSTGRES_DIR = RUN_DIR / f"postgres-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL") or f"postgresql://postgres@/postgres?host={POSTGRES_DIR}"
ON_POSTGRES = os.environ.get("TEST_DATABASE", "sqlite") == "postgresql"
if ON_POSTGRES:
    os.environ["DATABASE_URL"] = POSTGRES_URL

from joblynk.settings import *

if not ON_POSTGRES:
    # A file, because threads share it as they do in production; Django's default is one in memory.
    DATABASES["default"]["TEST"] = {"NAME": str(RUN_DIR / "test.sqlite3")}
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise looks into it
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
