"""What the assistant needs of others, handed to it as arguments."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from joblynk.providers.types import LLM, Vectors, WebSearch


class Passage(Protocol):
    """A live passage of the knowledge base."""

    @property
    def chunk_id(self) -> int: ...
    @property
    def kind(self) -> Literal["document", "faq"]: ...
    @property
    def source_id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def heading(self) -> str: ...
    @property
    def page(self) -> int | None: ...
    @property
    def text(self) -> str: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def score(self) -> float: ...
    @property
    def ocr(self) -> bool: ...


class Findings(Protocol):
    """What a search brought: passages best first, and whether they answer the question."""

    @property
    def passages(self) -> "tuple[Passage, ...]": ...
    @property
    def confidence(self) -> float: ...
    @property
    def answerable(self) -> bool: ...
    @property
    def verbatim(self) -> Passage | None: ...
    @property
    def vector(self) -> Vectors | None: ...
    @property
    def embedder(self) -> str: ...


class Search(Protocol):
    async def __call__(self, text: str, limit: int = 5) -> Findings: ...


class Suggestion(Protocol):
    """A published video, and the second from which it shows what was asked."""

    @property
    def video_id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def start(self) -> float: ...
    @property
    def chapter(self) -> str: ...
    @property
    def poster(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def matched(self) -> str: ...


class Recommend(Protocol):
    """Videos that show what the text asks, best first; none rather than a weak one. `vector` is the text's,
    as `embedder` made it; `exclude` has been shown before."""

    async def __call__(
        self, text: str, vector: Vectors | None, embedder: str, *, exclude: Collection[int] = ()
    ) -> Sequence[Suggestion]: ...


async def no_videos(
    text: str, vector: Vectors | None, embedder: str, *, exclude: Collection[int] = ()
) -> Sequence[Suggestion]:
    """Of a site without any."""
    return ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read from one picture. Not `legible`: nobody could read it."""

    text: str = ""
    description: str = ""
    legible: bool = True


class ReadPictures(Protocol):
    async def __call__(self, pictures: Sequence[UUID]) -> Sequence[Seen]:
        """One for each picture, in order. What was read before is not read again."""
        ...


async def no_pictures(pictures: Sequence[UUID]) -> Sequence[Seen]:
    """Of a site that cannot look at any."""
    return ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, and counts of passages."""

    first_text: float = 8.0
    whole: float = 45.0
    reading: float = 30.0  # of pictures
    searching: float = 20.0  # with the wait for its turn; what is left of `whole` is for the answer
    videos: float = 2.0  # that a finished answer waits for them
    passages: int = 5
    web_results: int = 4
    answer_characters: int = 16_000


@dataclass(frozen=True, slots=True)
class Services:
    search: Search
    llm: LLM
    offline_llm: LLM
    web: WebSearch
    limits: Limits
    recommend: Recommend = no_videos
    read_pictures: ReadPictures = no_pictures


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier question and its answer. `query` is what was searched for, context included."""

    question: str
    answer: str
    query: str


@dataclass(frozen=True, slots=True)
class Past:
    """What a conversation has had before this turn."""

    exchanges: tuple[Exchange, ...] = ()
    shown_videos: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Turn:
    """The customer's question, and what was said before it, oldest first."""

    question: str
    history: tuple[Exchange, ...] = ()
    site_name: str = "our help centre"
    shown_videos: frozenset[int] = frozenset()
    pictures: tuple[UUID, ...] = ()
    seen: tuple[Seen, ...] = ()
    """What the pictures show, once they have been looked at."""
