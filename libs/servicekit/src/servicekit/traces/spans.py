"""Spans: around a block, or of something that has happened, at a place that was kept for it."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext, SpanKind, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from contracts.spans import ERROR_TYPE
from servicekit.traces.context import context_of, current_traceparent, span_context_of, traceparent_of

MOST_LINKS = 32
TRACE_ID = slice(3, 35)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Attributes = Mapping[str, AttributeValue | None]
"""Those that are None are left out."""
NONE: Attributes = {}


class Maker(Protocol):
    """What makes spans while a collector is configured."""

    @property
    def tracer(self) -> Tracer:
        """Makes spans with ids of chance."""
        ...

    def reserve(self, parent: SpanContext | None, links: Sequence[Link]) -> SpanContext:
        """Where a span that has not ended will be: in its parent's trace, or the first of a new one."""
        ...

    def at(self, place: SpanContext) -> Tracer:
        """Makes one span, at that place."""
        ...


class _State:
    maker: Maker | None = None


def install(maker: Maker | None) -> None:
    """Make spans by this from now on; None: make none."""
    _State.maker = maker


def is_on() -> bool:
    """Whether spans are made."""
    return _State.maker is not None


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes = NONE,
    links: Sequence[str] = (),
    parent: str | None = None,
) -> Generator[Span]:
    """A span around the block: of `parent`, else of the current trace. It costs next to nothing while tracing is off.

    An exception that passes gives it its class as the type of error, and nothing of what it says.
    """
    maker = _State.maker
    if maker is None:
        if parent is None:
            yield INVALID_SPAN
            return
        with trace.use_span(trace.NonRecordingSpan(span_context_of(parent))):
            yield INVALID_SPAN
        return
    made = maker.tracer.start_span(
        name, context_of(parent) if parent else None, kind, _given(attributes), _links(links), record_exception=False
    )
    with trace.use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield made
        except Exception as error:
            fail(made, type_of(error))
            raise


def record(
    name: str,
    begun_at: datetime,
    ended_at: datetime,
    *,
    parent: str | None,
    place: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes = NONE,
    links: Sequence[str] = (),
    error: str | None = None,
) -> None:
    """Make the span of something that has happened, of `parent` or as the first of a trace; at `place`, if one was
    reserved for it. Nothing while tracing is off.
    """
    maker = _State.maker
    if maker is None:
        return
    tracer = maker.at(span_context_of(place)) if place else maker.tracer
    made = tracer.start_span(
        name, context_of(parent), kind, _given(attributes), _links(links), start_time=_nanoseconds(begun_at)
    )
    if error is not None:
        fail(made, error)
    made.end(_nanoseconds(max(begun_at, ended_at)))


def reserve(parent: str | None = None, links: Sequence[str] = ()) -> str | None:
    """A place for a span that is recorded once it has ended: in its parent's trace, or the first of a new one.

    While tracing is off it is the parent's own, so that what comes later still belongs to the caller's trace.
    """
    maker = _State.maker
    if maker is None:
        return parent
    above = span_context_of(parent) if parent else None
    return traceparent_of(maker.reserve(above if above and above.is_valid else None, _links(links)))


def nearest(traceparent: str | None) -> str | None:
    """The current span, if it belongs to that trace; otherwise what was given."""
    current = current_traceparent()
    if traceparent is None or (current is not None and current[TRACE_ID] == traceparent[TRACE_ID]):
        return current
    return traceparent


def fail(made: Span, error: str) -> None:
    """Say of a span that it failed: a stable code, or the name of a class."""
    made.set_attribute(ERROR_TYPE, error)
    made.set_status(StatusCode.ERROR)


def type_of(error: BaseException) -> str:
    """The stable code of an error, or its class."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else type(error).__qualname__


def _given(attributes: Attributes) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}


def _links(traceparents: Sequence[str]) -> list[Link]:
    found = (span_context_of(one) for one in dict.fromkeys(traceparents[:MOST_LINKS]))
    return [Link(context) for context in found if context.is_valid]


def _nanoseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND * 1_000
