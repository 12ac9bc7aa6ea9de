"""What the product asks of the outside world: protocols and frozen values.

One colour per interface: `LLM`, `Vision` and `WebSearch` are async, `Embedder` is sync and is entered
through the one-thread executor of `joblynk.executors`.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Grounding:
    """A passage the answer may cite as `[number]`."""

    number: int
    kind: Literal["document", "faq", "web"]
    title: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """`messages` is the whole prompt for a model; `question` and `grounding` are its parts, for an
    answerer that quotes instead of writing."""

    question: str
    grounding: tuple[Grounding, ...]
    messages: tuple[ChatMessage, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a successful stream. `reason` is the service's finish reason: stop or length."""

    reason: str
    model: str
    usage: Usage | None = None


class LLM(Protocol):
    name: str
    """Names the answerer in stored answers: "groq", "offline"."""

    def stream(self, request: AnswerRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """Text as it is written, then exactly one `Finished`. Raises `ProviderError`. Closing the
        generator closes the connection at once."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WebResult:
    title: str
    link: str
    snippet: str
    date: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be seen in one picture. `text` is its print, line by line, "" if there is none; `confidence`
    from 0 to 1, None where the reader gives none; `usage` is a whole request's, at its first picture."""

    text: str
    description: str = ""
    confidence: float | None = None
    usage: Usage | None = field(default=None, compare=False)


class Vision(Protocol):
    name: str
    """Names the reader in stored readings: "groq", "offline"."""

    async def look(self, pictures: Sequence[Path]) -> tuple[Sight, ...]:
        """One for each picture, in order. The files are our own PNG or JPEG. Raises `ProviderError`."""
        ...

    async def aclose(self) -> None: ...


class WebSearch(Protocol):
    enabled: bool
    """False for the offline default: the caller then does not announce a search."""

    async def search(self, query: str, limit: int) -> tuple[WebResult, ...]:
        """At most `limit` results with http(s) links. Raises `ProviderError`."""
        ...

    async def aclose(self) -> None: ...


class Embedder(Protocol):
    name: str
    """Names model, dimension and build, so that vectors of different encoders are never compared."""
    dimension: int
    max_tokens: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 (len(texts), dimension), rows of length 1. Texts over `max_tokens` are cut."""
        ...

    def count_tokens(self, text: str) -> int:
        """Word pieces of `text`, without the special tokens."""
        ...
