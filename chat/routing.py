from typing import Any

from django.urls import path, re_path

from chat.consumers import ChatConsumer
from chat.staff.consumer import StaffConsumer


async def _nowhere(scope: Any, receive: Any, send: Any) -> None:
    """Any other address: the handshake is refused, where Channels alone would raise."""
    await receive()
    await send({"type": "websocket.close"})


_chat: Any = ChatConsumer.as_asgi()  # django's stubs know views only
_staff: Any = StaffConsumer.as_asgi()
_other: Any = _nowhere
websocket_urlpatterns = [path("ws/chat/", _chat), path("ws/staff/", _staff), re_path("", _other)]
