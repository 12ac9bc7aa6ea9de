"""Every query and write on documents, FAQs and their chunks.

One writing function = one transaction. What changes the index raises its generation in the same
transaction, and does so under the lock of the one `IndexState` row: generations become visible in
order, so whoever has read up to n misses nothing that is ≤ n.
"""

from knowledge.library.builds import beat, begin_build, build, end_build, is_running
from knowledge.library.chunks import (
    NewChunk,
    Replaced,
    fail,
    flip,
    known_vectors,
    replace_chunks,
    served_chunks,
)
from knowledge.library.index import (
    Changes,
    IndexedChunk,
    Kind,
    LivePassage,
    State,
    changes_since,
    live_passages,
    state,
)
from knowledge.library.sources import (
    Stamp,
    by_origin,
    mark,
    remove,
    save_document,
    save_faq,
    set_published,
    source,
    sources,
    stamps,
    stored_hash,
)

__all__ = [
    "Changes",
    "IndexedChunk",
    "Kind",
    "LivePassage",
    "NewChunk",
    "Replaced",
    "Stamp",
    "State",
    "beat",
    "begin_build",
    "build",
    "by_origin",
    "changes_since",
    "end_build",
    "fail",
    "flip",
    "is_running",
    "known_vectors",
    "live_passages",
    "mark",
    "remove",
    "replace_chunks",
    "save_document",
    "save_faq",
    "served_chunks",
    "set_published",
    "source",
    "sources",
    "stamps",
    "state",
    "stored_hash",
]
