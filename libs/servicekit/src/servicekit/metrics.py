"""The metrics that all services have, declared once; a service declares its own beside them on the same registry."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.responses import Response

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

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
    "mews_http_calls", "Calls to other services, by how they ended.", ["service", "outcome"], registry=REGISTRY
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
RPC_REFUSED = Counter("mews_rpc_refused", "Requests of workers that ask too often.", registry=REGISTRY)
BUS_FAILURES = Counter("mews_bus_failures", "Gatherings whose handling failed.", ["durable"], registry=REGISTRY)
BUS_SECONDS = Histogram(
    "mews_bus_handle_seconds", "Time to handle a gathering.", ["durable"], buckets=SECONDS, registry=REGISTRY
)
BUS_CONNECTED = Gauge("mews_bus_connected", "1 while connected to NATS.", registry=REGISTRY)
DEAD_LETTERS = Counter("mews_dead_letters", "Messages put aside.", ["service", "stream", "reason"], registry=REGISTRY)
DEAD_LETTERS_OPEN = Gauge(
    "mews_dead_letters_open",
    "Messages that were put aside, and neither processed since nor given up.",
    ["service"],
    registry=REGISTRY,
)
DEAD_LETTERS_OLDEST = Gauge(
    "mews_dead_letters_oldest_seconds", "Age of the oldest of them; 0: none.", ["service"], registry=REGISTRY
)
DEAD_LETTERS_SETTLED = Counter(
    "mews_dead_letters_settled", "What operators had done about them.", ["service", "outcome"], registry=REGISTRY
)
RETENTION_REMOVED = Counter(
    "mews_retention_removed", "What was removed because of its age.", ["service", "what"], registry=REGISTRY
)
TRACE_SPANS = Counter("mews_trace_spans", "Spans: exported, or failed to be.", ["outcome"], registry=REGISTRY)
OUTBOX_ROWS = Gauge("mews_outbox_rows", "Rows that wait to be published.", ["schema"], registry=REGISTRY)
OUTBOX_AGE = Gauge("mews_outbox_oldest_seconds", "Age of the oldest of them.", ["schema"], registry=REGISTRY)


def metrics_response() -> Response:
    """All metrics in Prometheus' text format."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
