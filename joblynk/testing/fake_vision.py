"""The part of `FakeGroq` that sees: `groq.see(reads("Error E-1042"))`, `groq.see(FAILURES["reset"])`."""

import orjson

from joblynk.testing.arrivals import pictures
from joblynk.testing.fake_groq import Close, Hang, Reset, Script, Status, Steps, failure

USAGE = {"prompt_tokens": 4_310, "completion_tokens": 60, "total_tokens": 4_370}


def seen(*sights: tuple[str, str], reason: str = "stop") -> Steps:
    """An answer with the text and the description of each picture."""
    entries = [{"text": text, "description": description} for text, description in sights]
    return reply(orjson.dumps({"pictures": entries}).decode(), reason)


def reply(content: str | None, reason: str = "stop") -> Steps:
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": content}}
    return (Status(200, orjson.dumps({"id": "chatcmpl-fake", "choices": [choice], "usage": USAGE})),)


def reads(text: str, description: str = "") -> Script:
    """The same for every picture, however many there are."""
    return lambda request: seen(*[(text, description)] * len(pictures(request)))


FAILURES: dict[str, Steps] = {
    **{f"status {status}": failure(status) for status in (400, 401, 403, 404, 413, 422, 429, 498, 500, 503)},
    "no answer": (Hang(),),
    "closed": (Close(),),
    "reset": (Reset(),),
    "html with status 200": (Status(200, b"<!doctype html>", (("content-type", "text/html"),)),),
    "no choices": (Status(200, b'{"choices":[]}'),),
    "no object": (Status(200, b"[]"),),
    "no text": reply(None),
    "not json": reply("I see a screenshot."),
    "too few": seen(),
    "too many": seen(("a", "b"), ("c", "d")),
    "of another shape": reply('{"pictures": [{"text": ["a"], "description": {}}]}'),
    "cut short": seen(("Error", ""), reason="length"),
}
"""Every way in which nothing is read, for a request of one picture."""
