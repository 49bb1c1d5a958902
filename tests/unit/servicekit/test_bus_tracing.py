import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from servicekit.bus import Received
from servicekit.bus.tracing import is_sampled, processing
from servicekit.traces import current_trace_id, current_traceparent

FIRST, SECOND = "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "00-" + "3" * 32 + "-" + "4" * 16 + "-01"
SIBLING = "00-" + "1" * 32 + "-" + "5" * 16 + "-03"
DROPPED = "00-" + "6" * 32 + "-" + "7" * 16 + "-00"


def message(traceparent: str | None) -> Received[int]:
    headers = {"traceparent": traceparent} if traceparent else None
    return Received(1, Msg(Client(), "worker.progress.w1", "", b"", headers))


def test_what_came_of_one_trace_is_processed_in_it(made: InMemorySpanExporter) -> None:
    with processing("TELEMETRY", "ingest", [message(one) for one in (FIRST, None, SIBLING, DROPPED)]):
        assert current_trace_id() == "1" * 32
    (span,) = made.get_finished_spans()
    assert span.parent is not None
    assert (span.name, f"{span.parent.span_id:x}") == ("process TELEMETRY", "2" * 16)
    assert [f"{link.context.span_id:x}" for link in span.links] == ["5" * 16]
    about = dict(span.attributes or {})
    assert (about["messaging.batch.message_count"], about["messaging.consumer.group.name"]) == (4, "ingest")


def test_what_came_of_several_traces_is_processed_in_one_that_links_to_them(made: InMemorySpanExporter) -> None:
    with processing("TELEMETRY", "ingest", [message(one) for one in (FIRST, SECOND, SIBLING)]):
        assert current_trace_id() not in ("1" * 32, "3" * 32)
    (span,) = made.get_finished_spans()
    assert span.parent is None
    assert {f"{link.context.span_id:x}" for link in span.links} == {"2" * 16, "4" * 16, "5" * 16}


@pytest.mark.parametrize("kept", [None, DROPPED])
def test_what_nobody_traces_makes_no_span(made: InMemorySpanExporter, kept: str | None) -> None:
    with processing("TELEMETRY", "ingest", [message(kept), message(kept)]):
        assert current_traceparent() == kept
    assert not made.get_finished_spans()


def test_the_senders_trace_goes_on_though_tracing_is_off() -> None:
    with processing("TELEMETRY", "ingest", [message(FIRST)]):
        assert current_traceparent() == FIRST
    with processing("TELEMETRY", "ingest", [message(FIRST), message(SECOND)]):
        assert current_traceparent() is None


@pytest.mark.parametrize("traceparent", ["", "nonsense", FIRST[:-2], FIRST[:-2] + "xx", FIRST[:-2] + "+1"])
def test_nonsense_is_of_no_trace(traceparent: str) -> None:
    assert not is_sampled(traceparent)
    with processing("TELEMETRY", "ingest", [message(traceparent)]):
        assert current_traceparent() is None
