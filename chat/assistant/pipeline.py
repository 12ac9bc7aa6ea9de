"""One answer, from the question to its end: the ladder.

Small talk → a curated FAQ, word for word → the model, on passages that answer → the guides quoted, when
there is no model or it fails before the first word → the web, when the knowledge base cannot answer and a
web search is configured → "I couldn't find this". Every path ends in exactly one `Answered` or `Failed`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from chat.assistant import followup, pictures, prompts, showing, smalltalk, tongues
from chat.assistant.citations import CitationStream
from chat.assistant.events import (
    Answered,
    AnswerEvent,
    Cited,
    Delta,
    Failed,
    Mode,
    Sources,
    Stage,
    Videos,
)
from chat.assistant.services import Findings, Passage, Services, Turn
from joblynk.providers.errors import ALARMS, ProviderError
from joblynk.providers.types import LLM, AnswerRequest, Finished, Grounding, TextDelta, WebResult

logger = logging.getLogger(__name__)

NO_ANSWER_WORDS = "I couldn't find this in our guides. Shall I ask a person?"
QUOTED_INSTEAD = "The assistant is busy, so this is quoted from our guides."
QUOTE_CHARACTERS = 1_500
SUGGESTIONS = 3
NEAREST = 0.4  # score below which a question is not near, only nearest


async def answer(turn: Turn, services: Services) -> AsyncGenerator[AnswerEvent, None]:
    """Yields what happens while the turn is answered. Raises nothing that a service's failure can cause;
    errors of the search itself (the database is gone) are the caller's."""
    began = asyncio.get_running_loop().time()
    if turn.pictures:
        yield Stage("reading_image")
        turn = await pictures.looked_at(turn, services)
    elif kind := smalltalk.recognise(turn.question):
        text = smalltalk.REPLIES[kind].format(site=turn.site_name)
        yield Delta(text)
        yield Answered("stop", "smalltalk", text, wants_person=kind == "person")
        return
    lead = pictures.lead(turn)
    if turn.pictures and not pictures.queries(turn):
        yield Delta(lead)
        yield Answered("no_answer", "none", lead)
        return
    yield Stage("searching")
    if (found := await _search_in_time(turn, services)) is None:
        yield Failed("model_timeout", turn.question)
        return
    query, findings = found
    services = _hurried(services, asyncio.get_running_loop().time() - began)
    ending: Answered | Failed | None = None
    sources: Sources | None = None
    stages = _led(lead, _rung(turn, services, findings))
    async with showing.looking(turn, services, query, findings) as look, aclosing(stages):
        async for event in stages:
            if isinstance(event, Answered | Failed):
                ending = event
                continue
            if isinstance(event, Sources):
                sources = event
            elif isinstance(event, Delta):
                look.begin()
            yield event
        if videos := await look.found(ending):
            yield Videos(videos)
    yield _signed(ending, sources, query, findings, lead)


async def _led(lead: str, stages: AsyncGenerator[AnswerEvent, None]) -> AsyncGenerator[AnswerEvent, None]:
    """With `lead` before the first word."""
    async with aclosing(stages):
        async for event in stages:
            if lead and isinstance(event, Delta):
                yield Delta(f"{lead}\n\n")
                lead = ""
            yield event


def _rung(turn: Turn, services: Services, findings: Findings) -> AsyncGenerator[AnswerEvent, None]:
    passages = findings.passages[: services.limits.passages]
    if findings.verbatim is not None:
        return _verbatim(findings.verbatim, passages)
    if findings.answerable and passages:
        return _grounded(turn, services, passages)
    return _elsewhere(turn, services, passages)


def _signed(
    ending: Answered | Failed | None, sources: Sources | None, query: str, findings: Findings, lead: str
) -> Answered | Failed:
    """The ending, with what the search was and what was read from pictures before it."""
    if ending is None:
        return Failed("internal", query)
    if isinstance(ending, Failed):
        return replace(ending, search_query=query)
    return replace(
        ending,
        text=f"{lead}\n\n{ending.text}" if lead else ending.text,
        search_query=query,
        confidence=findings.confidence,
        suggestions=_suggestions(sources, findings),
    )


def _suggestions(sources: Sources | None, findings: Findings) -> tuple[str, ...]:
    """Curated questions near this one that the answer has not used."""
    cited = {passage.title for passage in sources.passages if passage.number} if sources else set()
    near = (p.title for p in findings.passages if p.kind == "faq" and p.score >= NEAREST)
    return tuple(title for title in dict.fromkeys(near) if title not in cited)[:SUGGESTIONS]


async def _search_in_time(turn: Turn, services: Services) -> tuple[str, Findings] | None:
    """None when too many were before it."""
    try:
        async with asyncio.timeout(services.limits.searching):
            return await _search(turn, services)
    except TimeoutError:
        return None


async def _search(turn: Turn, services: Services) -> tuple[str, Findings]:
    """What was searched for, and what it brought. A question that leans on what was said before is
    searched with it; alone it counts only when its context finds nothing. A picture is a context of its
    own."""
    if turn.seen:
        return await _search_seen(turn, services)
    contextual = followup.with_context(turn.question, turn.history)
    if contextual is not None:
        findings = await services.search(contextual, services.limits.passages)
        words = (f"{p.title} {p.heading} {p.text}" for p in findings.passages)
        if findings.answerable and followup.is_met(turn.question, words):
            return contextual, findings
    return turn.question, await services.search(turn.question, services.limits.passages)


async def _search_seen(turn: Turn, services: Services) -> tuple[str, Findings]:
    """By what the pictures say and the customer writes; the first search counts when none finds an answer."""
    first: tuple[str, Findings] | None = None
    for query in pictures.queries(turn):
        found = query, await services.search(query, services.limits.passages)
        if found[1].answerable:
            return found
        first = first or found
    if first is None:
        raise ValueError("a search for nothing")
    return first


def _hurried(services: Services, seconds: float) -> Services:
    """With so much less time for the answer, but time for its first word."""
    limits = services.limits
    whole = max(limits.first_text, limits.whole - seconds)
    return replace(services, limits=replace(limits, whole=whole))


# --- The rungs ---------------------------------------------------------------------------------


async def _verbatim(faq: Passage, passages: Sequence[Passage]) -> AsyncGenerator[AnswerEvent, None]:
    yield Stage("writing")
    text = _with_marker(faq.text)
    yield Delta(text)
    others = [passage for passage in passages if passage.chunk_id != faq.chunk_id]
    yield Sources(_cited([faq, *others], {1: 1}))
    yield Answered("stop", "faq", text)


def _with_marker(text: str) -> str:
    last = text.rstrip().rsplit("\n", 1)[-1].lstrip()
    # Inside a table or a code block the marker would become a part of it.
    return f"{text.rstrip()}\n\n[1]" if last.startswith(("|", "```")) else f"{text.rstrip()} [1]"


async def _grounded(
    turn: Turn, services: Services, passages: Sequence[Passage]
) -> AsyncGenerator[AnswerEvent, None]:
    guides = len({(passage.kind, passage.source_id) for passage in passages})
    yield Stage("writing", f"Found {guides} guide{'' if guides == 1 else 's'}")
    grounding = tuple(
        Grounding(rank, p.kind, p.title, p.heading, p.text) for rank, p in enumerate(passages, 1)
    )
    draft = _Draft(len(grounding), cite=lambda numbers: _cited(passages, numbers))
    async with aclosing(_write(services, prompts.build(turn, grounding), draft, "llm")) as events:
        async for event in events:
            yield event
    yield Sources(draft.cite(draft.numbers()))
    yield draft.ending()


async def _elsewhere(
    turn: Turn, services: Services, passages: Sequence[Passage]
) -> AsyncGenerator[AnswerEvent, None]:
    """Nothing in the knowledge base answers. The web may, where the site allows it."""
    results: Sequence[WebResult] = ()
    notice = ""
    if services.web.enabled:
        yield Stage("searching", "Searching the web")
        try:
            results = await services.web.search(turn.question, services.limits.web_results)
        except ProviderError as error:
            _report(error)
            notice = "The web search failed."
    if results:
        yield Stage("writing")
        grounding = tuple(
            Grounding(rank, "web", result.title, "", result.snippet) for rank, result in enumerate(results, 1)
        )
        draft = _Draft(len(grounding), cite=lambda numbers: _cited_web(results, numbers))
        async with aclosing(
            _write(services, prompts.build(turn, grounding, web=True), draft, "web")
        ) as events:
            async for event in events:
                yield event
        if not draft.refused:
            yield Sources(draft.cite(draft.numbers()))
            yield draft.ending()
            return
    yield Sources(_cited(passages, {}))
    words = tongues.refusal(turn.question, NO_ANSWER_WORDS)
    yield Delta(words)
    yield Answered("no_answer", "none", words, notice=notice)


# --- Writing -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    """What has been written so far."""

    available: int
    cite: Callable[[dict[int, int]], tuple[Cited, ...]]
    text: str = ""
    mode: Mode = "llm"
    notice: str = ""
    refused: bool = False
    broken_off: bool = False
    failure: ProviderError | None = None
    finished: Finished | None = None
    citations: CitationStream = field(init=False)

    def __post_init__(self) -> None:
        self.citations = CitationStream(self.available)

    def add(self, text: str) -> Delta | None:
        self.text += text
        return Delta(text) if text else None

    def numbers(self) -> dict[int, int]:
        """Passage → number of the answer. An answer that cites nothing still shows its best passage."""
        if self.refused or not self.text:
            return {}
        return self.citations.numbers or {1: 1}

    def ending(self) -> Answered | Failed:
        if self.refused:
            return Answered("no_answer", "none", NO_ANSWER_WORDS, notice=self.notice)
        if not self.text.strip():
            timed_out = self.failure is not None and self.failure.code == "timeout"
            return Failed("model_timeout" if timed_out else "model_unavailable")
        usage = self.finished.usage if self.finished else None
        return Answered(
            "interrupted" if self.broken_off else "stop",
            self.mode,
            self.text,
            notice=self.notice,
            model=self.finished.model if self.finished else "",
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
        )


async def _write(
    services: Services, request: AnswerRequest, draft: _Draft, mode: Mode
) -> AsyncGenerator[AnswerEvent, None]:
    """Stream into the draft: from the model, or quoted when it fails before the first word."""
    deadline = asyncio.get_running_loop().time() + services.limits.whole
    cited = 0
    for llm in _ladder(services):
        quoting = llm is services.offline_llm
        draft.mode = "offline" if quoting and mode == "llm" else mode
        try:
            async with aclosing(_pieces(llm, request, services, deadline, draft)) as pieces:
                async for piece in pieces:
                    if delta := draft.add(piece):
                        yield delta
                    if len(draft.citations.numbers) > cited:
                        # An answer that is stopped from here on keeps the sources that it has named.
                        cited = len(draft.citations.numbers)
                        yield Sources(draft.cite(draft.citations.numbers))
        except ProviderError as error:
            _report(error)
            draft.failure = error
            if draft.text:
                draft.broken_off = True
                draft.notice = "The answer was cut off."
                break
            draft.notice = QUOTED_INSTEAD if mode == "llm" else ""
            continue
        break
    if draft.refused and mode == "llm":
        yield Delta(NO_ANSWER_WORDS)


def _ladder(services: Services) -> tuple[LLM, ...]:
    """The model, then the guides; without a model the guides alone."""
    if services.llm.name == services.offline_llm.name:
        return (services.offline_llm,)
    return (services.llm, services.offline_llm)


async def _pieces(
    llm: LLM, request: AnswerRequest, services: Services, deadline: float, draft: _Draft
) -> AsyncGenerator[str, None]:
    """Text as it may be shown: markers renumbered, a refusal recognised, time and length bounded."""
    loop = asyncio.get_running_loop()
    first_by = min(deadline, loop.time() + services.limits.first_text)
    opening: str | None = ""  # held back while it may still turn out to be the refusal
    length = 0
    async with aclosing(llm.stream(request)) as stream:
        while True:
            try:
                async with asyncio.timeout_at(deadline if length else first_by):
                    event = await anext(stream, None)
            except TimeoutError:
                raise ProviderError(llm.name, "timeout") from None
            match event:
                case TextDelta(text):
                    if opening is not None:
                        opening += text
                        if prompts.NO_ANSWER.startswith(opening.strip()):
                            continue
                        text, opening = opening, None
                    text = text[: services.limits.answer_characters - length]
                    length += len(text)
                    yield draft.citations.feed(text)
                    if length >= services.limits.answer_characters:
                        draft.notice = "The answer was too long and is cut here."
                        return
                case Finished():
                    draft.finished = event
                case None:
                    break
    if opening is not None and opening.strip() == prompts.NO_ANSWER:
        draft.refused = True
    else:
        yield draft.citations.feed(opening or "") + draft.citations.flush()


def _report(error: ProviderError) -> None:
    level = logging.ERROR if error.code in ALARMS else logging.WARNING
    logger.log(level, "provider_failed name=%s code=%s", error.name, error.code)


# --- Sources -----------------------------------------------------------------------------------


def _cited(passages: Sequence[Passage], numbers: dict[int, int]) -> tuple[Cited, ...]:
    return tuple(
        Cited(
            rank=rank,
            number=numbers.get(rank),
            kind=p.kind,
            title=p.title,
            heading=p.heading,
            page=p.page,
            quote=p.text[:QUOTE_CHARACTERS],
            url="",
            date=p.updated_at.date().isoformat(),
            score=p.score,
            source_id=p.source_id,
            chunk_id=p.chunk_id,
            ocr=p.ocr,
        )
        for rank, p in enumerate(passages, 1)
    )


def _cited_web(results: Sequence[WebResult], numbers: dict[int, int]) -> tuple[Cited, ...]:
    return tuple(
        Cited(rank, numbers.get(rank), "web", r.title, "", None, r.snippet, r.link, r.date, None, None, None)
        for rank, r in enumerate(results, 1)
    )
