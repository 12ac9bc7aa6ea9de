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
    help = (
        "Measure how good search, refusals and offline answers are, on documents and questions of which "
        "somebody wrote down what is right. DIR/corpus.jsonl is indexed in memory, never in the site's own "
        "index; all of DIR/questions.jsonl is asked; figures are printed (1 is perfect), and what each "
        "question brought is written to OUT. Exit code 0: measured, whatever the figures. 1: a file is "
        "missing or malformed."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django's own type)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data",
            type=Path,
            required=True,
            metavar="DIR",
            help="a folder with corpus.jsonl, a document a line: {id, title, format (md, txt, html or faq), "
            "text}; and questions.jsonl, a question a line: {id, question, answerable (true or false), "
            "relevant_ids (of documents), evidence (list of {doc_id, start, end} in characters), answers "
            "(list of texts)}",
        )
        parser.add_argument(
            "--run",
            type=Path,
            required=True,
            metavar="OUT",
            help="file to write: a JSON line for each question",
        )
        parser.add_argument("--json", action="store_true", help="the figures as one JSON object")

    def handle(self, *args: Any, data: Path, run: Path, **options: Any) -> None:
        try:
            documents = evaluation.read(data / "corpus.jsonl")
            questions = evaluation.read(data / "questions.jsonl")
            with bar("Indexing", hidden=options["json"]) as progress:
                scratch = evaluation.ScratchIndex(registry.get("embedder"), documents, progress)
            answered = []
            with bar("Asking", hidden=options["json"]) as progress:
                for number, question in enumerate(questions, 1):
                    answered.append(scratch.answer(question))
                    progress(number, len(questions))
            with run.open("w", encoding="utf-8") as out:
                out.writelines(json.dumps(one.line(), ensure_ascii=False) + "\n" for one in answered)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        except KeyError as error:
            raise CommandError(f"A document or a question lacks {error}.") from error
        except (ValueError, ExtractError) as error:
            raise CommandError(f"A line of the data cannot be read: {error}.") from error
        texts = {document["id"]: document["text"] for document in documents}
        found = figures(answered, texts)
        if options["json"]:
            counts = {"questions": len(answered), "chunks": len(scratch.index)}
            self.stdout.write(json.dumps({**found, **counts, "run": str(run)}, ensure_ascii=False))
            return
        for name, value in found.items():
            self.stdout.write(f"{name:<26} {value:8.3f}" if value < 2 else f"{name:<26} {value:8.0f}")
        self.stdout.write(f"{len(answered)} questions, {len(scratch.index)} chunks, run in {run}")
