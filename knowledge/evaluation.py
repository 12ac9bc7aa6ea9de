"""Retrieval judged on a set of documents and questions, in an index of its own beside the site's.

`DIR/corpus.jsonl`: {id, title, text, format: md | txt | html | faq} a line; `DIR/questions.jsonl`: {id,
question, answerable, relevant_ids, evidence: [{doc_id, start, end}], answers} a line. Everything goes the
way of the site's own content: the same cutting, encoder, ranking, gate and offline answer.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from joblynk.providers.llm.offline import quote
from joblynk.providers.types import Embedder, Grounding
from knowledge import extract, parts
from knowledge.chunking import LIMIT, chunk, embed_text
from knowledge.index import PassageIndex
from knowledge.library import IndexedChunk, Kind, LivePassage, numbers
from knowledge.ranking import Findings, corrected, judge, look_up, rank

Progress = Callable[[int, int], None]

SHOWN = 5  # passages an answer is made of
JUDGED = 15  # passages the gate may look at, as `knowledge.search` reads them
_RANKED = 100
_PASSAGES = 10
_SLICE = 64
_NONE = np.empty(0, np.float32)  # the vector comes later


@dataclass(frozen=True, slots=True)
class Answered:
    """One question with what came of it."""

    question: dict[str, Any]
    ranked: list[str]
    passages: list[tuple[str, str]]
    """Document and text, best first."""
    findings: Findings
    answer: str

    def line(self) -> dict[str, Any]:
        """As the run file has it."""
        return {
            "question_id": self.question["id"],
            "ranked": self.ranked,
            "score_top": self.findings.confidence,
            "passages": [{"doc_id": document, "text": text} for document, text in self.passages],
            "refused": not self.findings.answerable,
            "answer": self.answer,
        }


class ScratchIndex:
    """A corpus cut, embedded and indexed in memory."""

    def __init__(self, embedder: Embedder, documents: Sequence[dict[str, Any]], progress: Progress) -> None:
        self.embedder = embedder
        self.index = PassageIndex(embedder.dimension)
        self.live: dict[int, LivePassage] = {}
        self.documents = [document["id"] for document in documents]
        texts: list[tuple[IndexedChunk, str]] = []
        for number, document in enumerate(documents):
            texts.extend(self._chunks(number, document, len(texts)))
        # The longest first, as in ingest: a slice of like lengths has little padding.
        texts.sort(key=lambda pair: len(pair[1]), reverse=True)
        for start in range(0, len(texts), _SLICE):
            part = texts[start : start + _SLICE]
            stored = parts.embed(embedder, [text for _, text in part])
            made = [
                row._replace(vector=numbers(vector)) for (row, _), vector in zip(part, stored, strict=True)
            ]
            self.index.update(made)
            for row, vector in zip(made, stored, strict=True):
                if row.chunk_id in self.live:
                    self.live[row.chunk_id] = replace(self.live[row.chunk_id], vector=vector)
            progress(start + len(part), len(texts))

    def answer(self, question: dict[str, Any]) -> Answered:
        text = corrected(question["question"], self.index.words, self.embedder)
        meaning = parts.read(self.embedder, text)
        ranked = rank(self.index, meaning.vector, look_up(text, self.index.words), _RANKED)
        findings = judge(self.index.words, text, meaning, ranked[:JUDGED], self.live, JUDGED)
        judged = [passage.chunk_id for passage in findings.passages]
        rows = [self.live[pk] for pk in (*judged, *(hit.candidate.chunk_id for hit in ranked[JUDGED:]))]
        found = [(self.documents[row.source_id], row.text) for row in rows]
        return Answered(
            question,
            list(dict.fromkeys(document for document, _ in found)),
            found[:_PASSAGES],
            findings,
            _answer(text, findings),
        )

    def _chunks(
        self, number: int, document: dict[str, Any], before: int
    ) -> Iterator[tuple[IndexedChunk, str]]:
        """Chunks without their vectors, each with the text to embed. Ids count from `before` + 1."""
        title, is_faq = document["title"], document["format"] == "faq"
        made = 0
        for heading, page, text in self._pieces(document):
            made += 1
            row = IndexedChunk(
                before + made, f"{'f' if is_faq else 'd'}{number}", "passage", title, heading, text, _NONE
            )
            kind: Kind = "faq" if is_faq else "document"
            self.live[row.chunk_id] = LivePassage(
                row.chunk_id, kind, number, title, heading, page, text, datetime.now(UTC)
            )
            yield row, embed_text(title, heading, text)
        for phrasing in _phrasings(document) if is_faq else ():
            made += 1
            yield (
                IndexedChunk(before + made, f"f{number}", "phrasing", title, "", phrasing, _NONE),
                phrasing,
            )

    def _pieces(self, document: dict[str, Any]) -> Iterator[tuple[str, int | None, str]]:
        """Heading, page, text. A FAQ is one piece, as in the site."""
        if document["format"] == "faq":
            yield "", None, document["text"]
            return
        extracted = extract.sections(document["text"], document["format"])
        limit = min(LIMIT, self.embedder.max_tokens)
        count = self.embedder.count_tokens
        for piece in chunk(document["title"], extracted.sections, count, limit=limit):
            yield piece.heading, piece.page, piece.text


def read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _phrasings(faq: dict[str, Any]) -> list[str]:
    """The question, and the others when the text is a list of nothing but ways to ask."""
    lines = [line for line in faq["text"].split("\n") if line.strip()]
    listed = [line[2:].strip() for line in lines if line.startswith("- ")]
    return list(dict.fromkeys([faq["title"], *(listed if len(listed) == len(lines) else ())]))


def _answer(question: str, findings: Findings) -> str:
    if findings.verbatim is not None:
        return findings.verbatim.text
    grounding = [
        Grounding(number, passage.kind, passage.title, passage.heading, passage.text)
        for number, passage in enumerate(findings.passages[:SHOWN], 1)
    ]
    return quote(question, grounding)
