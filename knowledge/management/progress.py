"""Progress bars for commands."""

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from knowledge.ingest import Progress


@contextmanager
def bar(label: str, *, hidden: bool = False, unit: str = " sources") -> Iterator[Progress]:
    """On standard error, as soon as it is known that there is something to do."""
    shown: tqdm | None = None

    def show(done: int, total: int) -> None:
        nonlocal shown
        if shown is None and total:
            shown = tqdm(desc=label, total=total, unit=unit, disable=hidden)
        if shown is not None:
            shown.update(done - shown.n)

    try:
        yield show
    finally:
        if shown is not None:
            shown.close()


@contextmanager
def counter(label: str, *, hidden: bool = False, unit: str = " records") -> Iterator[Progress]:
    """The same for work that says how much more was done, not how much in all."""
    shown: tqdm | None = None

    def show(more: int, total: int) -> None:
        nonlocal shown
        if shown is None:
            shown = tqdm(desc=label, total=total, unit=unit, disable=hidden)
        shown.update(more)

    try:
        yield show
    finally:
        if shown is not None:
            shown.close()
