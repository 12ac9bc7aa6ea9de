"""What an answer yields while it is made. The last event is `Answered` or `Failed`, exactly one."""

from dataclasses import dataclass
from typing import Literal

from chat.assistant.services import Suggestion

Mode = Literal["faq", "llm", "offline", "web", "smalltalk", "none"]
StageName = Literal["queued", "reading_image", "searching", "writing"]
FailureCode = Literal["model_timeout", "model_unavailable", "internal"]


@dataclass(frozen=True, slots=True)
class Stage:
    name: StageName
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """Text of the answer as it will be stored: appended, never taken back."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A retrieved passage with its place in the search result and, if it is cited, its `[number]`."""

    rank: int
    number: int | None
    kind: Literal["document", "faq", "web"]
    title: str
    heading: str
    page: int | None
    quote: str
    url: str
    date: str
    score: float | None
    source_id: int | None
    chunk_id: int | None
    ocr: bool = False
    """Read from a picture of the page, so letters may be wrong."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that was retrieved, best first."""

    passages: tuple[Cited, ...]


@dataclass(frozen=True, slots=True)
class Videos:
    """What the answer may be shown with, best first. Of an answer that comes to nothing it never stands."""

    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """`finish`: stop, no_answer, or interrupted when the model broke off after some text."""

    finish: Literal["stop", "no_answer", "interrupted"]
    mode: Mode
    text: str
    notice: str = ""
    search_query: str = ""
    confidence: float | None = None
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    suggestions: tuple[str, ...] = ()
    wants_person: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing could be answered; there is no text."""

    code: FailureCode
    search_query: str = ""


AnswerEvent = Stage | Delta | Sources | Videos | Answered | Failed
