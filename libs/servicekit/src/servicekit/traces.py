"""Traces: W3C trace context is always handed on; spans are made and exported only when a collector is configured."""

from collections.abc import Callable, Generator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from servicekit.settings import ServiceSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

PROPAGATOR = TraceContextTextMapPropagator()
TRACER = "servicekit"


def configure_tracing(service: str, settings: ServiceSettings) -> Callable[[], None]:
    """Export spans by OTLP if an endpoint is set. Returns what flushes and stops it; call that last."""
    if settings.otel_exporter_otlp_endpoint is None:
        return _nothing
    # The SDK and the exporter cost memory that a service without a collector should not pay.
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    provider = TracerProvider(
        resource=Resource.create({"service.name": service}),
        sampler=ParentBasedTraceIdRatio(settings.otel_traces_sampler_arg),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter_to(settings.otel_exporter_otlp_endpoint, settings)))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def exporter_to(endpoint: str, settings: ServiceSettings) -> "SpanExporter":
    """What sends spans to the collector at `endpoint`."""
    import requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    session = requests.Session()
    # Otherwise REQUESTS_CA_BUNDLE, which many images set, would be believed in place of the authority that is given.
    session.trust_env = False
    return OTLPSpanExporter(
        f"{endpoint.rstrip('/')}/v1/traces",
        certificate_file=settings.otel_exporter_otlp_certificate,
        client_certificate_file=settings.otel_exporter_otlp_client_certificate,
        client_key_file=settings.otel_exporter_otlp_client_key,
        session=session,
    )


def inject_headers(headers: MutableMapping[str, str] | None = None) -> MutableMapping[str, str]:
    """Add `traceparent` (and `tracestate`) of the current trace, if there is one, to HTTP or NATS headers."""
    carrier = {} if headers is None else headers
    PROPAGATOR.inject(carrier)
    return carrier


def extract_context(headers: Mapping[str, str] | None) -> Context:
    """The trace that headers (of any case) speak of; an empty context if they speak of none."""
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return PROPAGATOR.extract(lower, context=Context())


def current_trace_id() -> str | None:
    """Id of the current trace in hexadecimal, if there is one."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else None


@contextmanager
def continued(headers: Mapping[str, str] | None) -> Generator[None]:
    """Within the block, the current trace is the one that headers speak of."""
    token = otel_context.attach(extract_context(headers))
    try:
        yield
    finally:
        otel_context.detach(token)


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: AttributeValue) -> Generator[Span]:
    """A span of the current trace around the block; it costs next to nothing while tracing is off."""
    with trace.get_tracer(TRACER).start_as_current_span(name, kind=kind, attributes=attributes) as current:
        yield current


def _nothing() -> None:
    pass
