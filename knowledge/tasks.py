"""Background work. Callers enqueue after the commit, by name: `transaction.on_commit` is in here."""

from functools import partial
from typing import Any

from django.db import transaction
from django_tasks import task
from django_tasks.base import Task

from knowledge import ingest
from knowledge.models import Document, Faq


@task()
def ingest_document(document_id: int) -> None:
    ingest.run(document_id)


@task()
def ingest_faq(faq_id: int) -> None:
    ingest.run_faq(faq_id)


def enqueue(row: Document | Faq) -> None:
    """Have `row` read once the running transaction, if any, has committed."""
    job: Task[Any, None] = ingest_document if isinstance(row, Document) else ingest_faq
    transaction.on_commit(partial(_send, job, row.pk))


def _send(job: Task[Any, None], row_id: int) -> None:
    job.enqueue(row_id)
