"""An ASGI application that sends more than any connection holds, and says how much it was let send."""

from typing import Any

PIECE = b"x" * 65_536
PIECES = 4_096
_sent = 0


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """/flood: 256 MiB, piece by piece. Elsewhere: how many bytes of it the server has taken."""
    global _sent
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/flood":
        for _ in range(PIECES):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            _sent += len(PIECE)
        await send({"type": "http.response.body"})
    else:
        await send({"type": "http.response.body", "body": str(_sent).encode()})
