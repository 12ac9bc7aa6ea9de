"""Somebody of the team in the admin of a running site: pages by HTTP, a conversation by its socket."""

import json
import re
import uuid
from collections.abc import Mapping
from html import unescape
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import orjson

from benchmarks.client import Frame, WebSocket, until

_BOOT = re.compile(r'<script id="boot" type="application/json">(.*?)</script>', re.DOTALL)


class Colleague:
    """Use as a context manager; `sign_in` first. One conversation at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, follow_redirects=True, timeout=60, trust_env=False)
        self.frames: list[Frame] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_in(self, name: str, password: str) -> None:
        self.get("/admin/login/")
        page = self.post("/admin/login/", username=name, password=password, next="/admin/")
        assert "Log out" in page, page

    def get(self, path: str, **query: str) -> str:
        return self._http.get(path, params=query).raise_for_status().text

    def post(self, path: str, **fields: str) -> str:
        """The page that a form leads to."""
        fields["csrfmiddlewaretoken"] = self._http.cookies["csrftoken"]
        answer = self._http.post(path, data=fields, headers={"Referer": self._url})
        return answer.raise_for_status().text

    # --- A conversation ------------------------------------------------------------------------

    async def look_at(self, conversation: str) -> None:
        """Open the page of a conversation, and the socket that it opens."""
        found = _BOOT.search(self.get(f"/admin/chat/conversation/{conversation}/change/"))
        assert found
        boot: Mapping[str, Any] = json.loads(unescape(found[1]))
        cookie = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        address = f"ws://{urlsplit(self._url).netloc}{boot['socket']}"
        self.socket = await WebSocket.connect(address, self._hear, Cookie=cookie)
        self.send("hello", ticket=boot["ticket"], last_seq=boot["seq"])
        await self.hears("welcome")

    async def reply(self, text: str) -> None:
        self.send("message.send", client_message_id=str(uuid.uuid4()), text=text)
        await self.hears("message.ack")

    def send(self, type_: str, **fields: Any) -> None:
        self.socket.send(orjson.dumps({"type": type_, **fields}))

    async def hears(self, type_: str) -> None:
        await until(lambda: any(frame["type"] == type_ for frame in self.frames))

    def _hear(self, raw: bytes) -> None:
        self.frames.append(orjson.loads(raw))
