"""W3C trace context: read from headers, kept as text, and written into headers."""

from collections.abc import Generator, Iterable, Mapping, MutableMapping
from contextlib import contextmanager

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATOR = TraceContextTextMapPropagator()
TRACEPARENT = "traceparent"


def inject_headers(headers: MutableMapping[str, str] | None = None) -> MutableMapping[str, str]:
    """Add `traceparent` (and `tracestate`) of the current trace, if there is one, to HTTP or NATS headers."""
    carrier = {} if headers is None else headers
    PROPAGATOR.inject(carrier)
    return carrier


def extract_context(headers: Mapping[str, str] | None) -> Context:
    """The trace that headers (of any case) speak of; an empty context if they speak of none."""
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return PROPAGATOR.extract(lower, context=Context())


def context_of(traceparent: str | None) -> Context:
    """The trace that a `traceparent` speaks of; an empty context for None or nonsense."""
    return Context() if traceparent is None else extract_context({TRACEPARENT: traceparent})


def span_context_of(traceparent: str) -> SpanContext:
    """The span that a `traceparent` speaks of; an invalid one for nonsense."""
    return trace.get_current_span(context_of(traceparent)).get_span_context()


def traceparent_of(context: SpanContext) -> str:
    """A span as text."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def current_traceparent() -> str | None:
    """The current span as text, if there is one: this process's, or the one that a caller spoke of."""
    context = trace.get_current_span().get_span_context()
    return traceparent_of(context) if context.is_valid else None


def current_trace_id() -> str | None:
    """Id of the current trace in hexadecimal, if there is one."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else None


def shared(traceparents: Iterable[str | None]) -> dict[str, str]:
    """Headers with the one context that all have in common; none where there are several, or somebody has none."""
    distinct = set(traceparents)
    only = distinct.pop() if len(distinct) == 1 else None
    return {} if only is None else {TRACEPARENT: only}


@contextmanager
def continued(headers: Mapping[str, str] | None) -> Generator[None]:
    """Within the block, the current trace is the one that headers speak of."""
    token = otel_context.attach(extract_context(headers))
    try:
        yield
    finally:
        otel_context.detach(token)
