"""What the assistant needs of others, handed to it as arguments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from joblynk.providers.types import LLM, WebSearch


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


class Search(Protocol):
    async def __call__(self, text: str, limit: int = 5) -> Findings: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, and counts of passages."""

    first_text: float = 8.0
    whole: float = 45.0
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


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier question and its answer. `query` is what was searched for, context included."""

    question: str
    answer: str
    query: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The customer's question, and what was said before it, oldest first."""

    question: str
    history: tuple[Exchange, ...] = ()
    site_name: str = "our help centre"
