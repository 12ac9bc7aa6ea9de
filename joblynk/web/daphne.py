"""`python -m joblynk.web.daphne OPTIONS joblynk.asgi:application`: Daphne that finishes its answers when it
is asked to end. The options are Daphne's own."""

import asyncio
from contextlib import suppress
from io import BytesIO
from typing import IO, Any
from urllib.parse import unquote

from autobahn.exception import Disconnected
from daphne import server
from daphne.cli import CommandLineInterface
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.defer import Deferred

from joblynk.web import GRACE, RESTART, begin_to_end, finish_answers
from joblynk.web.bodies import SPOOLED, most
from joblynk.web.pacing import Pacing


class PlainRequest(WebRequest):  # type: ignore[misc]
    """Twisted reads every form on the loop, with the parser for e-mails, for arguments that nobody asks
    for: eight photos held up all others for half a second. And Daphne reads every body into memory, however
    large it is: here the application gets the file that Twisted has written, and of what it will refuse no
    more is waited for."""

    body: IO[bytes]
    content: IO[bytes]
    _left = 0  # bytes that may still come

    def gotLength(self, length: int | None) -> None:
        self._left = most(unquote(self.channel._path.decode("latin-1")))
        if length is not None and length > self._left:
            self.channel.length = length = 0
            self.channel.persistent = False
        super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        if self._left < 0:
            return
        super().handleContentChunk(data)
        self._left -= len(data)
        if self._left < 0:
            self.channel.persistent = False
            # Not at once: what calls here has not done with the piece that it got.
            asyncio.get_running_loop().call_soon(self._come_to_an_end)

    def _come_to_an_end(self) -> None:
        if self.path is None and self.channel is not None:
            self.channel.allContentReceived()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        self.args: dict[bytes, list[bytes]] = {}
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.split(b"?", 1)[0]
        self.body, self.content = self.content, BytesIO()  # what it is read from, and what Daphne reads
        self.process()


class PlainFactory(HTTPFactory):  # type: ignore[misc]
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = PlainRequest
        return protocol


server.HTTPFactory = PlainFactory  # `Server.run` makes one, and lets nobody say which


class PatientServer(Server):  # type: ignore[misc] # Daphne has no types
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._pacing = Pacing()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if isinstance(protocol, PlainRequest):
            scope["extensions"] = {SPOOLED: protocol.body}
        return super().create_application(protocol, scope)

    async def handle_reply(self, protocol: Any, message: Any) -> None:
        await self._pacing.before(protocol, message)
        # A frame for a socket that has been closed and does not know it yet.
        with suppress(Disconnected):
            await super().handle_reply(protocol, message)

    def kill_all_applications(self) -> "Deferred[Any]":
        """What Daphne does before it ends, which waits for the result: here the applications are let
        finish before they are killed."""
        return Deferred.fromFuture(asyncio.ensure_future(self._end()))

    async def _end(self) -> None:
        begin_to_end()
        for listener in self.listeners:
            listener.addCallback(lambda port: port.stopListening())
        for connection in tuple(self.connections):
            if isinstance(connection, WebSocketProtocol) and connection.state == connection.STATE_OPEN:
                # `serverClose` lets only an application's own codes pass, and this one is the server's.
                connection.sendCloseFrame(code=RESTART)
        loop = asyncio.get_running_loop()
        until = loop.time() + GRACE
        await finish_answers()
        if running := self._applications():
            await asyncio.wait(running, timeout=max(until - loop.time(), 0.0))
        for application in (left := self._applications()):
            application.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _applications(self) -> "list[asyncio.Future[Any]]":
        """Of requests and sockets that have not ended; a connection between two requests has none."""
        found = (details.get("application_instance") for details in self.connections.values())
        return [application for application in found if application is not None and not application.done()]


class Daphne(CommandLineInterface):  # type: ignore[misc]
    server_class = PatientServer


if __name__ == "__main__":
    Daphne.entrypoint()
