"""`python -m joblynk.web.uvicorn HOST PORT joblynk.asgi:application`: uvicorn that finishes its answers when
it is asked to end."""

import asyncio
import socket
import sys

import uvicorn

from joblynk.web import BACKLOG, FRAME_LIMIT, GRACE, PING_SECONDS, begin_to_end, finish_answers


class Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        begin_to_end()
        # Its first step is taken after uvicorn has closed the listeners and sent 1012 to every socket.
        closing = asyncio.get_running_loop().create_task(finish_answers())
        await super().shutdown(sockets)
        await closing


def main(host: str, port: str, application: str) -> None:
    config = uvicorn.Config(
        application,
        host=host,
        port=int(port),
        backlog=BACKLOG,
        loop="uvloop",
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=FRAME_LIMIT,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=round(GRACE),
    )
    server = Server(config)
    server.run()
    if not server.started:
        sys.exit(3)


if __name__ == "__main__":
    main(*sys.argv[1:])
