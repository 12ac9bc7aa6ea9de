"""The chat page, and the history of a conversation for a client that lacks too much of it."""

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from chat import protocol, visitors, wiring
from chat.words import WORDS


@require_safe
@never_cache
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    boot = {
        "socket": "/ws/chat/",
        "history": "/api/conversation/",
        "build": settings.BUILD,
        "limits": {
            "text": settings.CHAT_TEXT_LIMIT,
            "frame": settings.CHAT_FRAME_LIMIT,
            "pictures": settings.CHAT_PICTURES,
        },
        "transcripts": {"url": "/api/transcript/", "mails": bool(settings.SENDGRID_API_KEY)},
    }
    context = {"site_name": settings.SITE_NAME, "office_hours": settings.OFFICE_HOURS, "boot": boot}
    response = render(request, "chat/page.html", context)
    visitors.remember(response, visitors.of_request(request))
    return response


@require_safe
@never_cache
async def conversation(request: HttpRequest) -> HttpResponse:
    """`?id=`: the whole conversation, if it is this visitor's. Anybody else's is 404, as is a made-up id."""
    visitor = visitors.of_request(request)
    try:
        wanted = uuid.UUID(request.GET.get("id", ""))
    except ValueError:
        wanted = None
    found = await (await wiring.desk()).snapshot(visitor, wanted) if visitor and wanted else None
    if found is None:
        return JsonResponse({"code": "not_found", "text": WORDS["not_found"]}, status=404)
    return HttpResponse(protocol.encode(found), content_type="application/json")
