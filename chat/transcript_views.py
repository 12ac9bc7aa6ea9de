"""Transcripts over HTTP: the files to download, the page behind a confirmation's link, and what the mail
service tells."""

import logging
import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat import delivery, visitors, wiring
from chat.letters.files import CONTENT_TYPES, Format, render_file
from chat.transcripts import deliveries, mail_news
from chat.transcripts.export import export
from chat.transcripts.mail_news import KINDS, News
from chat.words import WORDS
from joblynk import executors

logger = logging.getLogger(__name__)

# A file that somebody opens in the browser may show its styles and pictures, and nothing else.
_FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'"
_NEWS_LIMIT = 1024 * 1024  # bytes; SendGrid sends at most 768 KiB
_NEWS_EVENTS = 5_000
_NEWS_AGE = 25 * 3_600.0
"""Seconds. SendGrid tries for a day to deliver its news; what is heard twice changes nothing."""
_NEWS_AHEAD = 300.0
_SIGNATURE, _TIMESTAMP = (f"HTTP_X_TWILIO_EMAIL_EVENT_WEBHOOK_{name}" for name in ("SIGNATURE", "TIMESTAMP"))
_SECONDS = re.compile(r"[0-9]{1,12}")
_EVENT_ID = re.compile(r"[!-~]{1,120}")


@require_safe
@never_cache
async def download(request: HttpRequest, conversation: uuid.UUID, form: Format) -> HttpResponse:
    """The whole conversation, if it is this visitor's. Anybody else's is 404, as is a made-up id."""
    visitor = visitors.of_request(request)
    body = await executors.database(_file, visitor, conversation, form) if visitor else None
    if body is None:
        return JsonResponse({"code": "not_found", "text": WORDS["not_found"]}, status=404)
    response = HttpResponse(body, content_type=CONTENT_TYPES[form])
    day = timezone.now().strftime("%Y-%m-%d")
    response["Content-Disposition"] = f'attachment; filename="conversation-{day}.{form}"'
    response["Content-Security-Policy"] = _FILE_POLICY
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _file(visitor: str, conversation: uuid.UUID, form: Format) -> bytes | None:
    transcript = export(conversation, visitor=visitor)
    if transcript is None:
        return None
    sheet = delivery.sheet_of(transcript, wiring.video_link)
    thumbs = delivery.thumbs(sheet) if form == "html" else {}
    return render_file(form, transcript, sheet, thumbs, timezone.now())


# --- Confirming an address -----------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
async def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link only shows a page: programs that look into mails follow links. Its button confirms."""
    named = delivery.read_link(token)
    asked = await executors.database(deliveries.confirmation, named) if named else None
    if named is None or asked is None:
        return await _page(request, {"outcome": "over"}, status=404)
    address = deliveries.mask(asked.email)
    if request.method != "POST":
        return await _page(request, {"outcome": "ask", "address": address})
    events = await executors.database(deliveries.confirm, named, timezone.now())
    await _announce(events or [])
    return await _page(request, {"outcome": "over" if events is None else "done", "address": address})


async def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    context |= {"site_name": settings.SITE_NAME, "sends": bool(settings.SENDGRID_API_KEY)}
    return render(request, "chat/confirm.html", context, status=status)


# --- What the mail service tells -----------------------------------------------------------------


@csrf_exempt
@require_POST
@never_cache
async def sendgrid_webhook(request: HttpRequest) -> HttpResponse:
    """Events of mails, signed by SendGrid. Whatever is not exactly that is refused, and never an error."""
    if not settings.SENDGRID_WEBHOOK_VERIFICATION_KEY:
        return HttpResponse(status=404)
    told = _told(request)
    if isinstance(told, int):
        return HttpResponse(status=told)
    await _announce(await executors.database(mail_news.note, list(_read(told[:_NEWS_EVENTS]))))
    return HttpResponse(status=204)


def _told(request: HttpRequest) -> list[Any] | int:
    """The events of a request that is what it claims to be, or the status that it gets."""
    from joblynk.providers.sendgrid_mail import is_signed, webhook_key

    key = webhook_key(settings.SENDGRID_WEBHOOK_VERIFICATION_KEY)
    signature, timestamp = request.META.get(_SIGNATURE, ""), request.META.get(_TIMESTAMP, "")
    if not signature or not _SECONDS.fullmatch(timestamp):
        return 400
    if _SECONDS.fullmatch(length := request.META.get("CONTENT_LENGTH") or "") and int(length) > _NEWS_LIMIT:
        return 413
    try:
        body = request.body
    except (RequestDataTooBig, UnreadablePostError):
        return 413
    if len(body) > _NEWS_LIMIT:
        return 413
    if not is_signed(key, body, signature, timestamp):
        return 403
    if not -_NEWS_AHEAD < time.time() - int(timestamp) < _NEWS_AGE:
        return 400
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 400
    return told if isinstance(told, list) else 400


def _read(told: list[Any]) -> Iterator[News]:
    """What of it is about mails of ours; the rest (opens, clicks, other senders) is let go."""
    for event in told:
        try:
            kind, event_id = event["event"], event["sg_event_id"]
            if kind not in KINDS or not _EVENT_ID.fullmatch(event_id):
                continue
            at = datetime.fromtimestamp(int(event["timestamp"]), UTC)
            reason = event.get("reason") or event.get("response") or ""
            attempt = int(event["attempt"])
            yield News(event_id, uuid.UUID(event["delivery"]), attempt, kind, at, _words(reason))
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError, OSError):
            continue


def _words(reason: object) -> str:
    """For staff: one line, and no NUL, which PostgreSQL does not take."""
    return " ".join(str(reason).replace("\x00", "").split())[:200]


async def _announce(events: Any) -> None:
    """To the pages that are open, each conversation by itself."""
    live = (await wiring.desk()).live
    for event in events:
        live.announce((event,))
