"""Pictures travel by HTTP: taken in, served to their owner and to staff, taken back before they are sent."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat import protocol, transcripts, visitors, wiring
from chat.attachments import TooManyUnsent
from chat.models import Attachment
from chat.words import WORDS
from joblynk import executors
from joblynk.pictures.types import MAX_BYTES, PictureError
from joblynk.pictures.types import WORDS as PICTURE_WORDS

FIELD = "file"
_CHUNK = 64 * 1024
# One body at a time: eight threads at it would each take its turn before the chats get theirs.
_parsing = ThreadPoolExecutor(1, thread_name_prefix="upload")
_STATUS = {"too_large": 413, "no_room": 507}
_FIRST_FRAME = "This picture moves. Its first image was kept."


class _OnePicture(TemporaryFileUploadHandler):
    """One file, written to disk; no more of it than a picture may have."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.too_large = False
        self._size = 0
        self._files = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        self._files += 1
        if self._files > 1:
            raise StopUpload(connection_reset=True)
        super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._size += len(raw_data)
        if self._size > MAX_BYTES:
            self.too_large = True
            raise StopUpload(connection_reset=True)
        super().receive_data_chunk(raw_data, start)


@csrf_exempt  # the body is parsed first, in a thread: `_take` checks the token
@require_POST
async def upload(request: HttpRequest) -> HttpResponseBase:
    """One picture in the field `file`. 201 {id, url, thumb_url, width, height, name, notice?}, or
    {code, text}."""
    visitor = visitors.of_request(request)
    if visitor is None:
        return _refusal(403, "unavailable", WORDS["no_visitor"])
    desk = await wiring.desk()
    if wait := desk.allowed.uploads.take(visitor):
        frame = protocol.rate_limited("visitor", wait, None)
        return JsonResponse({**frame, "code": "rate_limited"}, status=429)
    handler = _OnePicture(request)
    request.upload_handlers = [handler]
    try:
        loop = asyncio.get_running_loop()
        file = await loop.run_in_executor(_parsing, lambda: request.FILES.get(FIELD))
        if handler.too_large:
            raise PictureError("too_large")
        return await _take(request, visitor, file)
    except PictureError as error:
        return _refusal(_STATUS.get(error.code, 400), "bad_attachment", error.words)
    except OSError:  # no room for the upload itself
        return _refusal(507, "bad_attachment", PICTURE_WORDS["no_room"])
    except (MultiPartParserError, SuspiciousOperation):
        return _refusal(400, "bad_request", WORDS["bad_request"])
    except TooManyUnsent:
        return _refusal(409, "bad_attachment", WORDS["too_many_unsent"])


@csrf_protect
async def _take(request: HttpRequest, visitor: str, file: UploadedFile | None) -> HttpResponseBase:
    if file is None:
        raise PictureError("missing")
    source = Path(file.temporary_file_path())  # type: ignore[attr-defined]
    attachments = (await wiring.desk()).attachments
    try:
        attachment, frames = await attachments.receive(visitor, source, file.name or "")
    finally:
        file.close()
    told = {key: value for key, value in protocol.attachment(attachment).items() if key != "reading"}
    return JsonResponse({**told, "notice": _FIRST_FRAME if frames > 1 else ""}, status=201)


@require_http_methods(["GET", "HEAD", "DELETE"])
async def picture(request: HttpRequest, attachment_id: uuid.UUID) -> HttpResponseBase:
    """The picture, to its owner and to staff; anybody else's is 404, as is a made-up id. DELETE: it was not
    sent, and is to be forgotten."""
    if request.method == "DELETE":
        visitor = visitors.of_request(request)
        attachments = (await wiring.desk()).attachments
        if visitor and await attachments.remove_unsent(visitor, attachment_id):
            return HttpResponse(status=204)
        return _refusal(404, "not_found", WORDS["no_picture"])
    found = await executors.database(_visible, request, attachment_id)
    return await _served(request, found.picture if found else None)


@require_safe
async def thumb(request: HttpRequest, attachment_id: uuid.UUID) -> HttpResponseBase:
    found = await executors.database(_visible, request, attachment_id)
    return await _served(request, found.thumb if found else None)


def _visible(request: HttpRequest, attachment_id: uuid.UUID) -> Attachment | None:
    visitor = visitors.of_request(request)
    if visitor and (mine := transcripts.picture_of(visitor, attachment_id)):
        return mine
    user = request.user
    if user.is_active and user.is_staff and user.has_perm("chat.view_conversation"):
        return transcripts.any_picture(attachment_id)
    return None


async def _served(request: HttpRequest, field: FieldFile | None) -> HttpResponseBase:
    try:
        file = await asyncio.to_thread(field.storage.open, field.name) if field and field.name else None
    except OSError:
        file = None
    if file is None:
        return _refusal(404, "not_found", WORDS["no_picture"])
    response = StreamingHttpResponse(_chunks(file)) if request.method == "GET" else HttpResponse()
    png = str(file.name).endswith(".png")
    response["Content-Type"] = "image/png" if png else "image/jpeg"
    response["Content-Length"] = str(file.size)
    response["Content-Disposition"] = f'inline; filename="picture.{"png" if png else "jpg"}"'
    response["Cache-Control"] = "private, no-store"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    if request.method == "HEAD":
        file.close()
    return response


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while data := await asyncio.to_thread(file.read, _CHUNK):
            yield data
    finally:
        file.close()


def _refusal(status: int, code: str, text: str) -> JsonResponse:
    return JsonResponse({"code": code, "text": text}, status=status)
