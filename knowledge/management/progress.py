"""A progress bar for commands that index."""

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from knowledge.ingest import Progress


@contextmanager
def bar(label: str, *, hidden: bool = False) -> Iterator[Progress]:
    """On standard error, as soon as it is known that there is something to do."""
    shown: tqdm | None = None

    def show(done: int, total: int) -> None:
        nonlocal shown
        if shown is None and total:
            shown = tqdm(desc=label, total=total, unit=" sources", disable=hidden)
        if shown is not None:
            shown.update(done - shown.n)

    try:
        yield show
    finally:
        if shown is not None:
            shown.close()
