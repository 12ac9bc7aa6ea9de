"""A stored file as a response: whole or a range, in small pieces that are read outside the event loop.

At most one piece of a file is in memory for each request; the server waits for a slow reader before it
takes the next (Daphne with the help of `joblynk.web.pacing`).
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response

from videos.serving.ranges import Span, Unsatisfiable, holds, requested

PIECE = 128 * 1024  # bytes
_readers = ThreadPoolExecutor(4, thread_name_prefix="files")  # disk reads of all requests


async def respond(
    request: HttpRequest, file: BinaryIO, size: int, changed: float, content_type: str
) -> HttpResponseBase:
    """`file` is open and is closed here; `changed` is its time in seconds since 1970."""
    etag, modified = f'"{size:x}-{int(changed * 1000):x}"', formatdate(changed, usegmt=True)
    unchanged = get_conditional_response(request, etag=etag, last_modified=int(changed))
    if unchanged is not None:
        file.close()
        return unchanged
    try:
        asked = request.headers.get("Range", "") if request.method == "GET" else ""
        fresh = holds(request.headers.get("If-Range", ""), etag, modified)
        span = requested(asked, size) if asked and fresh else None
    except Unsatisfiable:
        file.close()
        return HttpResponse(
            status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        )
    part = span or Span(0, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(part.length),
        "ETag": etag,
        "Last-Modified": modified,
    }
    if span is not None:
        headers["Content-Range"] = f"bytes {part.first}-{part.end - 1}/{size}"
    if request.method == "HEAD":
        file.close()
        return HttpResponse(content_type=content_type, headers=headers)
    status = 200 if span is None else 206
    pieces = _pieces(file, part)
    return StreamingHttpResponse(pieces, status=status, content_type=content_type, headers=headers)


async def _pieces(file: BinaryIO, span: Span) -> AsyncIterator[bytes]:
    """A file that has become shorter meanwhile ends early, which the reader notices by its length."""
    loop = asyncio.get_running_loop()
    place = span.first
    try:
        while place < span.end:
            piece = await loop.run_in_executor(_readers, _read, file, place, min(PIECE, span.end - place))
            if not piece:
                return
            place += len(piece)
            yield piece
    finally:
        file.close()


def _read(file: BinaryIO, place: int, length: int) -> bytes:
    file.seek(place)
    return file.read(length)
