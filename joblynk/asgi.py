"""The one entry, for HTTP and WebSockets."""

import gc
import logging
import os
import threading
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "joblynk.settings")

import django

django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - needs the apps loaded
from django.db import connections  # noqa: E402

from chat.routing import websocket_urlpatterns  # noqa: E402
from joblynk import checks  # noqa: E402
from joblynk.origin import ExactOrigin  # noqa: E402
from joblynk.processes import return_memory  # noqa: E402
from joblynk.web import RESTART, ending  # noqa: E402
from joblynk.web.bodies import FairHandler  # noqa: E402
from knowledge import search  # noqa: E402
from videos import recommend  # noqa: E402

checks.refuse_wrong_settings()  # whichever server this is loaded by, with or without manage.py
logger = logging.getLogger(__name__)
WARM_AGAIN = 2.0  # seconds

sockets = ExactOrigin(URLRouter(websocket_urlpatterns))


async def websocket(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A process that ends takes no new customer, whoever's kept-alive connection brings one."""
    if not ending():
        await sockets(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.close", "code": RESTART})


application = ProtocolTypeRouter({"http": FairHandler(), "websocket": websocket})


def warm() -> None:
    """Read the index into memory beside the first requests, however long the database keeps it waiting.
    /readyz tells when it is there."""
    while True:
        try:
            search.warm()
            recommend.warm()
            search.settle()
            break
        except Exception:
            logger.exception("warming_failed")
            time.sleep(WARM_AGAIN)
        finally:
            connections.close_all()
    _tidy()  # behind the connections, each of which has a cache of its own


def _tidy() -> None:
    """Give back what reading the index took, 45 MB at 10,000 chunks; and let the garbage collector look no
    more through what is there to stay, which would hold everybody up for 0.2 s each time."""
    return_memory()
    gc.freeze()


threading.Thread(target=warm, name="warm", daemon=True).start()
