"""What reached a service that looks at pictures."""

import base64
import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from joblynk.testing.http_server import Request

_MOST_PICTURES, _MOST_BYTES = 3, 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Arrived:
    """One picture as it reached the service. `pixels` is a hash of them, decoded; `hidden` names whatever
    the file holds besides them."""

    size: tuple[int, int]
    format: str
    length: int
    pixels: str
    hidden: tuple[str, ...]

    @classmethod
    def read(cls, data: bytes) -> "Arrived":
        with Image.open(io.BytesIO(data)) as image:
            hidden = tuple(
                key for key in ("exif", "icc_profile", "comment", "xmp", "photoshop") if key in image.info
            )
            digest = hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
            return cls(image.size, image.format or "", len(data), digest, hidden)


def pictures(request: Request) -> list[bytes]:
    """The files of a request, decoded."""
    parts = [
        part
        for message in request.json["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
    ]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [base64.b64decode(url.partition("base64,")[2], validate=True) for url in urls]


def is_vision(request: Request) -> bool:
    messages = request.json.get("messages", []) if isinstance(request.json, dict) else []
    return any(isinstance(message.get("content"), list) for message in messages)


def too_much(request: Request) -> int:
    """The status with which the service refuses such a request; 0 when it takes it."""
    if "qwen" not in request.json.get("model", "") or len(pictures(request)) > _MOST_PICTURES:
        return 400
    return 413 if len(request.body) > _MOST_BYTES else 0
