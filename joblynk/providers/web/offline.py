"""The web when no search service is configured."""

from joblynk.providers.types import WebResult


class NoWebSearch:
    enabled = False

    async def search(self, query: str, limit: int) -> tuple[WebResult, ...]:
        return ()

    async def aclose(self) -> None:
        return None
