"""`manage.py search_knowledge "text"`: what a customer's question finds, with scores and the verdict."""

import json
from dataclasses import asdict, replace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from knowledge import search


class Command(BaseCommand):
    help = (
        "Print the passages that a text finds, best first, with their scores, and whether the assistant "
        "would answer from them. Looks where customers look: what is not published is not found. Exit "
        "code 0, also when nothing is found: --json tells by `answerable`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", help="what a customer might ask, in quotation marks")
        parser.add_argument(
            "--limit", type=int, default=5, choices=range(1, 51), metavar="1-50", help="passages (5)"
        )
        parser.add_argument("--json", action="store_true", help="the findings as one JSON object")

    def handle(self, *args: Any, text: str, limit: int, **options: Any) -> None:
        findings = search.search_now(text, limit)
        if options["json"]:
            self.stdout.write(
                json.dumps(asdict(replace(findings, vector=None)), default=str, ensure_ascii=False)
            )
            return
        verdict = "answered" if findings.answerable else "refused"
        if findings.verbatim is not None:
            verdict = "answered word for word by the FAQ"
        self.stdout.write(f"Confidence {findings.confidence:.2f}: {verdict}")
        for number, passage in enumerate(findings.passages, 1):
            where = " > ".join(part for part in (passage.title, passage.heading) if part)
            page = f", page {passage.page}" if passage.page else ""
            page += ", read from a scan" if passage.ocr else ""
            self.stdout.write(
                f"\n{number}. {where} ({passage.kind} {passage.source_id}{page})\n"
                f"   score {passage.score:.3f}, cosine {passage.cosine:.3f}, words {passage.lexical:.1f}\n"
                f"   {' '.join(passage.text.split())[:300]}"
            )
