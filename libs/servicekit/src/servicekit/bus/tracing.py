"""The spans of the bus: what is sent, and what is done about what has come."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import SpanKind

from contracts import spans
from servicekit.bus.received import Received
from servicekit.traces import TRACEPARENT, continued, is_on, shared, span
from servicekit.traces.context import span_context_of


@contextmanager
def processing(stream: str, durable: str, received: Sequence[Received[Any]]) -> Generator[None]:
    """The span in which a gathering is applied.

    It belongs to the trace of its messages where they have only one, as when little is going on; else it begins a trace
    of its own that links to theirs. There is none for messages that nobody traces.
    """
    sent_in = list(dict.fromkeys(found for one in received if (found := one.headers.get(TRACEPARENT)) is not None))
    if not sent_in:
        yield
        return
    traced = [one for one in sent_in if is_sampled(one)] if is_on() else []
    if not traced:
        with continued(shared(sent_in)):
            yield
        return
    are_of_one = len({one[3:35] for one in traced}) == 1
    attributes = about(stream, "process") | {
        "messaging.consumer.group.name": durable,
        "messaging.batch.message_count": len(received),
    }
    # Without a parent here there is no current span either: whoever pulls works for nobody in particular.
    parent, links = (traced[0], traced[1:]) if are_of_one else (None, traced)
    with span(f"process {stream}", SpanKind.CONSUMER, attributes, links, parent):
        yield


def about(destination: str, operation: str) -> dict[str, str | int]:
    """What the spans of the bus have in common."""
    return {
        "messaging.system": spans.SYSTEM,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": destination,
    }


def is_sampled(traceparent: str) -> bool:
    """Whether a trace is kept. A sender may write anything here."""
    found = span_context_of(traceparent)
    return found.is_valid and found.trace_flags.sampled
