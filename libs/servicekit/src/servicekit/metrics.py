"""The metrics that all services have, declared once; a service declares its own beside them on the same registry.

`docs/metrics.md` lists all of them, and says by which conventions they are named.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.responses import Response

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DELAYS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0)
OTHER = "other"
MOST_VALUES = 30

# They would double the series, and nobody asks when a counter began.
disable_created_metrics()

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

BUILD_INFO = Gauge(
    "mews_build_info", "1: which service and version this is.", ["mews_service", "version"], registry=REGISTRY
)
CHECK_FAILING = Gauge(
    "mews_readiness_check_failing",
    "1 while this check keeps the service from being ready.",
    ["check"],
    registry=REGISTRY,
)

HTTP_REQUESTS = Counter(
    "mews_http_requests", "HTTP requests answered.", ["method", "route", "status"], registry=REGISTRY
)
HTTP_SECONDS = Histogram(
    "mews_http_request_seconds", "Time to answer.", ["method", "route"], buckets=SECONDS, registry=REGISTRY
)
HTTP_OPEN = Gauge("mews_http_requests_open", "HTTP requests being answered.", registry=REGISTRY)
CALLERS_REFUSED = Counter(
    "mews_http_callers_refused",
    "Requests of services that were refused: no_token, unknown_token, not_admitted.",
    ["caller", "reason"],
    registry=REGISTRY,
)
HTTP_CALLS = Counter(
    "mews_http_calls", "Calls to other services, by how they ended.", ["peer", "outcome"], registry=REGISTRY
)
HTTP_CALL_SECONDS = Histogram(
    "mews_http_call_seconds",
    "Time until another service answered; of streams until they began.",
    ["peer"],
    buckets=SECONDS,
    registry=REGISTRY,
)
LOOP_FAILURES = Counter("mews_loop_failures", "Crashes of background loops.", ["loop"], registry=REGISTRY)

BUS_PUBLISHED = Counter("mews_bus_published", "Messages that JetStream took.", ["stream"], registry=REGISTRY)
BUS_PUBLISH_FAILURES = Counter(
    "mews_bus_publish_failures", "Messages that JetStream did not take in time.", ["reason"], registry=REGISTRY
)
BUS_MESSAGES = Counter("mews_bus_messages", "Messages taken from a durable.", ["durable"], registry=REGISTRY)
BUS_EVENTS = Counter("mews_bus_events", "Events in them.", ["durable"], registry=REGISTRY)
BUS_REDELIVERIES = Counter("mews_bus_redeliveries", "Messages that came again.", ["durable"], registry=REGISTRY)
BUS_DEFERRED = Counter(
    "mews_bus_deferred", "Messages of senders that flood, given back for a while.", ["durable"], registry=REGISTRY
)
BUS_FAILURES = Counter("mews_bus_failures", "Gatherings whose handling failed.", ["durable"], registry=REGISTRY)
BUS_SECONDS = Histogram(
    "mews_bus_handle_seconds", "Time to handle a gathering.", ["durable"], buckets=SECONDS, registry=REGISTRY
)
BUS_DELAY_SECONDS = Histogram(
    "mews_bus_delay_seconds",
    "Time from the broker's storing to the end of the handling, of the oldest message of a gathering.",
    ["durable"],
    buckets=DELAYS,
    registry=REGISTRY,
)
BUS_PENDING = Gauge(
    "mews_bus_consumer_pending",
    "Messages that this durable has still to deliver.",
    ["stream", "durable"],
    registry=REGISTRY,
)
BUS_ACK_PENDING = Gauge(
    "mews_bus_consumer_ack_pending",
    "Messages that were delivered and not yet acknowledged.",
    ["stream", "durable"],
    registry=REGISTRY,
)
BUS_CONSUMER_REDELIVERED = Gauge(
    "mews_bus_consumer_redelivered",
    "Messages among these that were delivered more than once.",
    ["stream", "durable"],
    registry=REGISTRY,
)
STREAM_MESSAGES = Gauge("mews_bus_stream_messages", "Messages that a stream holds.", ["stream"], registry=REGISTRY)
STREAM_BYTES = Gauge("mews_bus_stream_bytes", "Bytes that a stream holds.", ["stream"], registry=REGISTRY)
STREAM_LIMIT_BYTES = Gauge(
    "mews_bus_stream_limit_bytes",
    "Bytes that a stream may hold; left out: as many as there is room.",
    ["stream"],
    registry=REGISTRY,
)
BUS_CONNECTED = Gauge("mews_bus_connected", "1 while connected to NATS.", registry=REGISTRY)
RPC_REFUSED = Counter("mews_rpc_refused", "Requests of workers that ask too often.", registry=REGISTRY)
RPC_REQUESTS = Counter(
    "mews_rpc_requests", "Requests over the bus that were answered, by how.", ["verb", "outcome"], registry=REGISTRY
)
RPC_SECONDS = Histogram(
    "mews_rpc_request_seconds",
    "Time to answer; that of get_answer may be a wait.",
    ["verb"],
    buckets=SECONDS,
    registry=REGISTRY,
)
RPC_CALLS = Counter(
    "mews_rpc_calls",
    "Requests to services over the bus, by how they ended.",
    ["peer", "verb", "outcome"],
    registry=REGISTRY,
)
RPC_CALL_SECONDS = Histogram(
    "mews_rpc_call_seconds", "Time until they were answered.", ["peer"], buckets=SECONDS, registry=REGISTRY
)

POSTGRES_POOL = Gauge(
    "mews_postgres_pool_connections", "Most connections that the pools may have.", ["schema"], registry=REGISTRY
)
POSTGRES_IN_USE = Gauge("mews_postgres_pool_in_use", "Connections of them in use.", ["schema"], registry=REGISTRY)
POSTGRES_WAIT_SECONDS = Histogram(
    "mews_postgres_acquire_seconds", "Time to get a connection.", ["schema"], buckets=SECONDS, registry=REGISTRY
)
POSTGRES_FAILURES = Counter(
    "mews_postgres_failures",
    "Uses of the database that ended because it was away, was slow, or could not go on.",
    ["schema"],
    registry=REGISTRY,
)
REDIS_FAILURES = Counter("mews_redis_failures", "Uses of Redis that it did not answer.", registry=REGISTRY)

DEAD_LETTERS = Counter(
    "mews_dead_letters", "Messages put aside.", ["mews_service", "stream", "reason"], registry=REGISTRY
)
DEAD_LETTERS_OPEN = Gauge(
    "mews_dead_letters_open",
    "Messages that were put aside and wait for somebody; those of a newer version after two hours.",
    ["mews_service"],
    registry=REGISTRY,
)
DEAD_LETTERS_OLDEST = Gauge(
    "mews_dead_letters_oldest_seconds", "Age of the oldest of them; 0: none.", ["mews_service"], registry=REGISTRY
)
DEAD_LETTERS_SETTLED = Counter(
    "mews_dead_letters_settled",
    "What was done about them, by operators or by a newer version.",
    ["mews_service", "outcome"],
    registry=REGISTRY,
)
RETENTION_REMOVED = Counter(
    "mews_retention_removed", "What was removed because of its age.", ["mews_service", "what"], registry=REGISTRY
)
TRACE_SPANS = Counter("mews_trace_spans", "Spans: exported, or failed to be.", ["outcome"], registry=REGISTRY)
OUTBOX_ROWS = Gauge("mews_outbox_rows", "Rows that wait to be published.", ["schema"], registry=REGISTRY)
OUTBOX_AGE = Gauge("mews_outbox_oldest_seconds", "Age of the oldest of them.", ["schema"], registry=REGISTRY)


def metrics_response() -> Response:
    """All metrics in Prometheus' text format."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


class Bounded:
    """Values of a label that come from outside: the first ones as they are, all later ones as `other`."""

    def __init__(self, most: int = MOST_VALUES, longest: int = 80) -> None:
        self._known: set[str] = set()
        self._most = most
        self._longest = longest

    def of(self, value: str | None) -> str:
        """The label's value."""
        text = (value or "")[: self._longest]
        if text not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(text)
        return text
