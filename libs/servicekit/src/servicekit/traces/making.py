"""What makes spans: the SDK, with places that can be reserved, sampling that follows links, and a discreet exporter.

Import it only where a collector is configured.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from http import HTTPStatus

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer, TraceState
from opentelemetry.util.types import Attributes

from contracts.spans import ATTRIBUTES
from servicekit.logs import get_logger
from servicekit.metrics import TRACE_SPANS

TRACER = "mews"
LEFT = "ConnectionError"
"""FastAPI's word for a client that has left before the end of an answer."""

log = get_logger(__name__)


class SpanMaker:
    """Makes spans, and hands them to the exporter."""

    def __init__(
        self, service: str, share: float, exporter: SpanExporter, processor: type[SpanProcessor] = BatchSpanProcessor
    ) -> None:
        self._ids = ReservedIds()
        self._sampler = ParentBased(FollowLinks(share))
        self.provider = TracerProvider(
            resource=Resource.create({"service.name": service, "service.namespace": "mews"}),
            sampler=self._sampler,
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self.provider.add_span_processor(processor(Discreet(exporter)))  # type: ignore[call-arg]
        self._tracer = self.provider.get_tracer(TRACER)

    @property
    def tracer(self) -> Tracer:
        """Makes spans with ids of chance."""
        return self._tracer

    def reserve(self, parent: SpanContext | None, links: Sequence[Link]) -> SpanContext:
        """Where a span that has not ended will be: in its parent's trace, or the first of a new one."""
        span_id = self._ids.generate_span_id()
        if parent is not None:
            return SpanContext(parent.trace_id, span_id, is_remote=False, trace_flags=parent.trace_flags)
        trace_id = self._ids.generate_trace_id()
        decided = self._sampler.should_sample(Context(), trace_id, "", links=links).decision
        sampled = TraceFlags.SAMPLED if decided.is_sampled() else TraceFlags.DEFAULT
        flags = TraceFlags(sampled | TraceFlags.RANDOM_TRACE_ID)
        return SpanContext(trace_id, span_id, is_remote=False, trace_flags=flags)

    def at(self, place: SpanContext) -> Tracer:
        """Makes one span, at that place."""
        self._ids.use(place)
        return self._tracer


class ReservedIds(RandomIdGenerator):
    """Ids of chance, but for the one span whose place is named before it is made."""

    def __init__(self) -> None:
        self._trace_id = ContextVar[int | None]("trace_id", default=None)
        self._span_id = ContextVar[int | None]("span_id", default=None)

    def use(self, place: SpanContext) -> None:
        """Give the next span this place."""
        self._trace_id.set(place.trace_id)
        self._span_id.set(place.span_id)

    def generate_trace_id(self) -> int:
        """That of the place, if one was named. Called for the first span of a trace alone."""
        return self._trace_id.get() or super().generate_trace_id()

    def generate_span_id(self) -> int:
        """That of the place, once."""
        reserved = self._span_id.get()
        self._trace_id.set(None)
        self._span_id.set(None)
        return reserved or super().generate_span_id()


class FollowLinks(Sampler):
    """For the first span of a trace: kept if one that it links to is, else by chance if it links to none.

    So all traces of a task are kept, or none.
    """

    def __init__(self, share: float) -> None:
        self._by_chance = TraceIdRatioBased(share)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Whether to keep the trace."""
        chosen: Sampler = self._by_chance
        if links:
            chosen = ALWAYS_ON if any(link.context.trace_flags.sampled for link in links) else ALWAYS_OFF
        return chosen.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """What it is called."""
        return f"FollowLinks{{{self._by_chance.get_description()}}}"


class Discreet(SpanExporter):
    """Hands on what the span model names, and neither texts of errors nor values of queries.

    Tells once when the collector goes away, and once when it is back.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them; what cannot be sent is lost, and counted."""
        result = self._exporter.export([_discreet(span) for span in spans])
        is_away = result is not SpanExportResult.SUCCESS
        TRACE_SPANS.labels("failed" if is_away else "exported").inc(len(spans))
        if is_away is not self._is_away:
            self._is_away = is_away
            log.warning("traces.lost" if is_away else "traces.exported_again", spans=len(spans))
        return result

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)


def _discreet(span: ReadableSpan) -> ReadableSpan:
    given, status = span.attributes or {}, span.status.status_code
    if given.get("error.type") == LEFT and given.get("http.response.status_code") == HTTPStatus.OK:
        # Whoever listens to a stream leaves it in the end; FastAPI takes that for a failure.
        given, status = {name: value for name, value in given.items() if name != "error.type"}, StatusCode.UNSET
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in given.items() if name in ATTRIBUTES},
        links=span.links,
        kind=span.kind,
        status=Status(status),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
