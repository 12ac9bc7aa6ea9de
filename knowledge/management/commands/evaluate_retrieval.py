"""`manage.py evaluate_retrieval`: how good search, gate and offline answer are on a set of questions."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from joblynk.providers import registry
from knowledge import evaluation
from knowledge.extract import ExtractError
from knowledge.figures import figures
from knowledge.management.progress import bar


class Command(BaseCommand):
    help = "Index DIR/corpus.jsonl in memory, ask all of DIR/questions.jsonl, print figures, write the run."
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django's own type)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, metavar="DIR")
        parser.add_argument("--run", type=Path, required=True, metavar="OUT", help="one JSON line a question")

    def handle(self, *args: Any, data: Path, run: Path, **options: Any) -> None:
        try:
            documents = evaluation.read(data / "corpus.jsonl")
            questions = evaluation.read(data / "questions.jsonl")
            with bar("Indexing") as progress:
                scratch = evaluation.ScratchIndex(registry.get("embedder"), documents, progress)
            answered = []
            with bar("Asking") as progress:
                for number, question in enumerate(questions, 1):
                    answered.append(scratch.answer(question))
                    progress(number, len(questions))
            with run.open("w", encoding="utf-8") as out:
                out.writelines(json.dumps(one.line(), ensure_ascii=False) + "\n" for one in answered)
        except (OSError, ValueError, KeyError, ExtractError) as error:
            raise CommandError(f"{type(error).__name__}: {error}") from error
        texts = {document["id"]: document["text"] for document in documents}
        for name, value in figures(answered, texts).items():
            self.stdout.write(f"{name:<26} {value:8.3f}" if value < 2 else f"{name:<26} {value:8.0f}")
        self.stdout.write(f"{len(answered)} questions, {len(scratch.index)} chunks, run in {run}")
