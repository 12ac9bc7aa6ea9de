"""Sends pictures as the page does. `python -m benchmarks.uploading URL FILE …` sends all at once, each as
another visitor, and prints the statuses."""

import json
import os
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

_PATIENCE = 120.0


def send(url: str, visitor: str, data: bytes) -> httpx.Response:
    from chat import visitors

    token = secrets.token_hex(16)
    cookies = {visitors.COOKIE: visitors.sign(visitor), "csrftoken": token}
    with httpx.Client(base_url=url, cookies=cookies, timeout=_PATIENCE) as client:
        files = {"file": ("picture", data)}
        return client.post("/api/attachments/", files=files, headers={"X-CSRFToken": token})


def upload(url: str, visitor: str, data: bytes) -> dict[str, Any]:
    """What the site tells of the stored picture."""
    response = send(url, visitor, data)
    response.raise_for_status()
    told: dict[str, Any] = response.json()
    return told


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "joblynk.testing.settings"
    import django

    django.setup()
    url, *paths = sys.argv[1:]
    files = [Path(path).read_bytes() for path in paths]
    with ThreadPoolExecutor(len(files)) as pool:
        statuses = pool.map(lambda data: send(url, secrets.token_hex(16), data).status_code, files)
        print(json.dumps(list(statuses)))


if __name__ == "__main__":
    main()
