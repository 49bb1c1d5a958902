"""Traces: W3C trace context is always handed on; spans are made and exported only when a collector is configured.

The context of a span is one line of text, its `traceparent`: it goes through headers, databases and journals, so that
a span may be made from what is on disk once it has ended, by another process than the one in which it began.
"""

from opentelemetry.trace import Span, SpanKind

from servicekit.traces.context import (
    TRACEPARENT,
    continued,
    current_trace_id,
    current_traceparent,
    extract_context,
    inject_headers,
    shared,
)
from servicekit.traces.exporting import configure_tracing, exporter_to
from servicekit.traces.spans import fail, is_on, nearest, record, reserve, span

__all__ = [
    "TRACEPARENT",
    "Span",
    "SpanKind",
    "configure_tracing",
    "continued",
    "current_trace_id",
    "current_traceparent",
    "exporter_to",
    "extract_context",
    "fail",
    "inject_headers",
    "is_on",
    "nearest",
    "record",
    "reserve",
    "shared",
    "span",
]
