"""Exporting spans by OTLP: batched on a thread of its own, in a bounded queue, and never in the way of the work."""

from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING

from opentelemetry import trace

from servicekit.settings import ServiceSettings
from servicekit.traces.spans import install

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

FLUSH_S = 3.0
"""How long a process that ends waits for a collector to take what is left."""


def configure_tracing(service: str, settings: ServiceSettings) -> Callable[[], None]:
    """Export spans by OTLP if an endpoint is set. Returns what flushes and stops it; call that last."""
    if settings.otel_exporter_otlp_endpoint is None:
        return _nothing
    # The SDK and the exporter cost memory that a service without a collector should not pay.
    from servicekit.traces.making import SpanMaker

    exporter = exporter_to(settings.otel_exporter_otlp_endpoint, settings)
    maker = SpanMaker(service, settings.otel_traces_sampler_arg, exporter)
    trace.set_tracer_provider(maker.provider)
    install(maker)

    def stop() -> None:
        install(None)
        # The exporter insists for longer than a process that is told to stop may take.
        flushing = Thread(target=maker.provider.shutdown, name="flush traces", daemon=True)
        flushing.start()
        flushing.join(FLUSH_S)

    return stop


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


def _nothing() -> None:
    pass
