from typing import Any

from django.urls import path

from chat.consumers import ChatConsumer

_chat: Any = ChatConsumer.as_asgi()  # django's stubs know views only

websocket_urlpatterns = [path("ws/chat/", _chat)]
