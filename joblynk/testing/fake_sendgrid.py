"""SendGrid over real HTTP: mails in, in good health and in every failure that is known of it, and signed
events out.

with FakeSendGrid() as sendgrid:
    sendgrid.play(FAILURES["rate"], ACCEPT)
    ... SENDGRID_HOST_URL = sendgrid.base_url, SENDGRID_WEBHOOK_VERIFICATION_KEY = sendgrid.public_key ...
    sendgrid.mails[0].to, sendgrid.mails[0].html
    body, headers = sendgrid.signed([sendgrid.mails[0].event("delivered")])
"""

import asyncio
import base64
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from joblynk.testing.http_server import Connection, FakeServer, Request

LARGEST = 30 * 1024 * 1024
_OUR_HEADERS = {"Auto-Submitted", "X-Auto-Response-Suppress"}
_EVENT_HEADER = "X-Twilio-Email-Event-Webhook"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer after `seconds`, or what happens `instead` of one. `keeps`: the mail is taken at once and
    whatever happens then."""

    status: int = 202
    message: str = ""
    seconds: float = 0.0
    instead: Literal["", "close", "reset", "hang", "dribble"] = ""
    keeps: bool = False
    retry_after: str = ""


ACCEPT = Reply()
ACCEPT_THEN_DROP = Reply(instead="close", keeps=True)
FAILURES: dict[str, Reply] = {
    "bad request": Reply(400, "Does not contain a valid address."),
    "credentials": Reply(401, "The provided authorization grant is invalid"),
    "sender not verified": Reply(403, "The from address does not match a verified Sender Identity."),
    "too large": Reply(413, "The request is too large."),
    "rate": Reply(429, "too many requests", retry_after="1"),
    "server": Reply(500, "Emulated"),
    "unavailable": Reply(503, "Emulated"),
    "closed": Reply(instead="close"),
    "reset": Reply(instead="reset"),
    "hang": Reply(instead="hang"),
    "dribble": Reply(instead="dribble"),
    "gateway": Reply(504, "Emulated"),
    "html with status 200": Reply(200, "<!doctype html>"),
}
"""Every failure, by name."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was taken. `marks`: its custom arguments."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    marks: dict[str, str]
    body: dict[str, Any]

    def event(self, kind: str, at: float | None = None, **more: Any) -> dict[str, Any]:
        """What the webhook tells of it. `at`: epoch seconds."""
        return {
            "email": self.to,
            "timestamp": int(time.time() if at is None else at),
            "event": kind,
            "sg_event_id": uuid.uuid4().hex,
            "sg_message_id": f"{self.id}.filter0001",
            **self.marks,
            **more,
        }


class FakeSendGrid(FakeServer):
    def __init__(self, reply: Reply = ACCEPT, port: int = 0) -> None:
        super().__init__(port)
        self._replies = [reply]
        self._key = generate_private_key(SECP256R1())
        self.mails: list[Mail] = []
        self.complaints: list[str] = []
        """What a strict reading of the API finds wrong in the requests."""

    @property
    def public_key(self) -> str:
        """As the page of SendGrid shows it."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def play(self, *replies: Reply) -> None:
        """What the next requests get, one reply each; the last one is repeated."""
        self._replies = list(replies)

    def signed(
        self, events: Sequence[dict[str, Any]] | bytes, at: float | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a request of the signed event webhook."""
        body = events if isinstance(events, bytes) else orjson.dumps(events)
        timestamp = str(int(time.time() if at is None else at))
        signature = self._key.sign(timestamp.encode() + body, ECDSA(SHA256()))
        return body, {
            f"{_EVENT_HEADER}-Signature": base64.b64encode(signature).decode(),
            f"{_EVENT_HEADER}-Timestamp": timestamp,
        }

    async def answer(self, request: Request, connection: Connection) -> None:
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if wrong := _wrong_with(request):
            self.complaints.append(wrong)
            reply = FAILURES["bad request"]
        elif len(request.body) > LARGEST:
            reply = FAILURES["too large"]
        mail = _read(request.json)
        if reply.keeps:
            self.mails.append(mail)
        await asyncio.sleep(reply.seconds)
        if reply.status == 202 and not reply.instead and not reply.keeps:
            self.mails.append(mail)
        match reply.instead:
            case "close":
                connection.close()
            case "reset":
                connection.reset()
            case "hang":
                await asyncio.Event().wait()
            case "dribble":
                connection.write(b"HTTP/1.1 202 Accepted\r\nX-Slow: ")
                while True:
                    connection.write(b".")
                    await asyncio.sleep(0.1)
            case _:
                connection.respond(reply.status, _body(reply), _headers(reply, mail.id))


def _headers(reply: Reply, mail_id: str) -> dict[str, str]:
    if reply.status == 202:
        return {"X-Message-Id": mail_id}
    return {"Retry-After": reply.retry_after} if reply.retry_after else {}


def _body(reply: Reply) -> bytes:
    if reply.status < 300:
        return reply.message.encode()
    return orjson.dumps({"errors": [{"message": reply.message, "field": "emulated.field", "help": None}]})


def _wrong_with(request: Request) -> str:
    if (request.method, request.path) != ("POST", "/v3/mail/send"):
        return f"{request.method} {request.path}"
    if not request.headers.get("authorization", "").startswith("Bearer "):
        return "no key"
    body = request.json
    if not isinstance(body, dict) or not body.get("subject") or not body.get("from", {}).get("email"):
        return "no subject, or no sender"
    people = body.get("personalizations") or []
    if len(people) != 1 or len(people[0].get("to", [])) != 1:
        return "not exactly one recipient"
    if stray := set(people[0].get("headers", {})) - _OUR_HEADERS:
        return f"headers that nobody set: {sorted(stray)}"
    if [part["type"] for part in body.get("content", [])] != ["text/plain", "text/html"]:
        return "not first text, then HTML"
    if any(part.get("enable") for part in body.get("tracking_settings", {}).values()):
        return "tracking is on"
    return ""


def _read(body: Any) -> Mail:
    body = body if isinstance(body, dict) else {}
    [person] = body.get("personalizations") or [{}]
    content = {part["type"]: part["value"] for part in body.get("content", [])}
    return Mail(
        id=uuid.uuid4().hex,
        to=(person.get("to") or [{}])[0].get("email", ""),
        subject=body.get("subject", ""),
        text=content.get("text/plain", ""),
        html=content.get("text/html", ""),
        marks=person.get("custom_args", {}),
        body=body,
    )
