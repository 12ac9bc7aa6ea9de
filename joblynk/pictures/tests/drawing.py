"""Pictures for tests, good and hostile, made as they are needed."""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageDraw


def picture(width: int = 400, height: int = 240, text: str = "") -> Image.Image:
    """Two colours side by side, so that it is known which side is up."""
    image = Image.new("RGB", (width, height), (200, 40, 40))
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height), (250, 250, 250))
    draw.text((width // 2 + 10, height // 2), text, (0, 0, 0), font_size=22)
    return image


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels, all of one colour: a few kB."""
    packer = zlib.compressobj(9)
    row = b"\0" * (width + 1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def animation(frames: int, format: str = "GIF") -> bytes:
    images = [Image.new("RGB", (32, 32), (number % 256, number // 256 * 60, 90)) for number in range(frames)]
    return encoded(images[0], format, save_all=True, append_images=images[1:], duration=20, loop=0)
