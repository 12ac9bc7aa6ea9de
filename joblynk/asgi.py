"""The one entry, for HTTP and WebSockets."""

import os
import threading

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "joblynk.settings")

from django.core.asgi import get_asgi_application

http = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - needs the apps loaded

from chat.routing import websocket_urlpatterns  # noqa: E402
from joblynk.origin import ExactOrigin  # noqa: E402
from knowledge import search  # noqa: E402

application = ProtocolTypeRouter({"http": http, "websocket": ExactOrigin(URLRouter(websocket_urlpatterns))})

# The index is read into memory beside the first requests; /readyz tells when it is there.
threading.Thread(target=search.warm, name="warm", daemon=True).start()
