"""A stranger's file → a picture of our own making. Runs in the child process.

The bytes say what it is, never the name. Size and pixels are read from the header before anything is
decoded. What is written holds pixels and nothing else: whatever was hidden behind, beside or inside them
(metadata, a second file, further frames) is gone.
"""

from pathlib import Path
from typing import Literal

import pi_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from joblynk.pictures.types import MAX_BYTES, MAX_PIXELS, MAX_SIDE, THUMB_SIDE, Cleaned, PictureError

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_PROBE = 256  # pixels; a sample of this side tells a photo from a screen
_PHOTO_COLOURS = 16_000  # of the 65,536 that the sample could have
_WHITE = (255, 255, 255)

pi_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # ours is checked first, and is lower


def kind_of(head: bytes) -> str:
    """Pillow's name of the format that these first bytes (64 are enough) belong to. Raises `PictureError`."""
    if not head:
        raise PictureError("empty")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIF"
    if b"<svg" in head.lower() or (head.lstrip().startswith(b"<?xml") and b"svg" in head.lower()):
        raise PictureError("drawing")
    raise PictureError("unsupported")


def clean(source: Path, picture: Path, thumb: Path) -> Cleaned:
    """Write the picture and its thumbnail (JPEG). Raises `PictureError`; `OSError` when it cannot write."""
    if source.stat().st_size > MAX_BYTES:
        raise PictureError("too_large")
    with source.open("rb") as file:
        kind = kind_of(file.read(512))
    image, frames = _decoded(source, kind)
    format = _best_format(image, kind)
    if format == "png":
        image.save(picture, "PNG", compress_level=6)
    else:
        image.save(picture, "JPEG", quality=90)
    width, height = image.size
    image.thumbnail((THUMB_SIDE, THUMB_SIDE))
    image.save(thumb, "JPEG", quality=82)
    return Cleaned(format, width, height, frames)


def shrink(source: Path, target: Path, side: int) -> None:
    """One of our own pictures as a JPEG with no side over `side`, for a service that looks at it."""
    with Image.open(source, formats=("PNG", "JPEG")) as image:
        image.draft("RGB", (side, side))
        small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    small.info = {}
    small.save(target, "JPEG", quality=80)


def _decoded(source: Path, kind: str) -> tuple[Image.Image, int]:
    """The first frame, upright, RGB on white, without metadata; and how many frames there are."""
    try:
        with Image.open(source, formats=(kind,)) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise PictureError("too_many_pixels")
            if max(width, height) > MAX_SIDE:
                raise PictureError("too_long")
            # To count a GIF's frames would mean to read all of them.
            frames = 2 if getattr(opened, "is_animated", False) and kind != "HEIF" else 1
            opened.seek(0)
            opened.load()
            image = _flat(ImageOps.exif_transpose(opened))
    except PictureError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError):
        raise PictureError("damaged") from None
    image.info = {}
    return image, frames


def _flat(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return image.convert("L").convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGB", image.size, _WHITE)
        ground.paste(image, mask=image.getchannel("A"))
        return ground
    return image.convert("RGB")


def _best_format(image: Image.Image, kind: str) -> Literal["png", "jpeg"]:
    """Screens stay as sharp as they came; a photo as PNG would be five times its size."""
    if kind in ("JPEG", "HEIF"):
        return "jpeg"
    sample = image.resize((min(_PROBE, image.width), min(_PROBE, image.height)), Image.Resampling.NEAREST)
    return "jpeg" if sample.getcolors(_PHOTO_COLOURS) is None else "png"
