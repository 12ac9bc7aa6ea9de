"""What this process counts for /metrics. Prometheus asks every process at its own port, so each tells of
itself alone; what stands in the database is read when somebody asks, and is the same at all of them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 45.0, 60.0)
_SHORT = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)

TURNS = Counter(
    "joblynk_turns", "Answers that ended, by how and by whom", ["outcome", "mode"], registry=REGISTRY
)
RUNNING = Gauge("joblynk_turns_running", "Answers being written by this process", registry=REGISTRY)
FIRST_TEXT = Histogram(
    "joblynk_first_text_seconds", "From the question to the first word", buckets=_SECONDS, registry=REGISTRY
)
WHOLE = Histogram(
    "joblynk_answer_seconds", "From the question to the end", buckets=_SECONDS, registry=REGISTRY
)
RETRIEVAL = Histogram(
    "joblynk_retrieval_seconds", "One search: embedding, index, gate", buckets=_SHORT, registry=REGISTRY
)
EMBED_QUEUE = Gauge(
    "joblynk_embed_queue", "Searches that wait to be embedded, and the one that is", registry=REGISTRY
)
SOCKETS = Gauge("joblynk_sockets", "Open chat sockets", registry=REGISTRY)
REFUSED = Counter("joblynk_limited", "What a limit refused, by whose", ["scope"], registry=REGISTRY)

OUTBOX = Gauge("joblynk_outbox_depth", "Transcripts that wait to be sent", registry=REGISTRY)
INGEST = Gauge("joblynk_ingest_backlog", "Documents that wait to be read", registry=REGISTRY)
TASKS = Gauge("joblynk_tasks_waiting", "Tasks that wait for a worker", registry=REGISTRY)
TOKENS = Gauge("joblynk_llm_tokens_today", "Of the language model, by all processes", registry=REGISTRY)
DOLLARS = Gauge("joblynk_llm_dollars_today", "The same in money", registry=REGISTRY)


def ended(outcome: str, mode: str, first_text_ms: int | None, total_ms: int | None) -> None:
    """One answer, as it was stored."""
    TURNS.labels(outcome, mode).inc()
    if first_text_ms is not None:
        FIRST_TEXT.observe(first_text_ms / 1000)
    if total_ms is not None:
        WHOLE.observe(total_ms / 1000)
