from opentelemetry import trace

from servicekit.settings import ServiceSettings
from servicekit.traces import configure_tracing, continued, current_trace_id, extract_context, inject_headers, span

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_goes_from_headers_to_headers_though_tracing_is_off() -> None:
    with continued({"TraceParent": TRACEPARENT, "tracestate": "a=b"}), span("work", attributes={"task_id": "task-1"}):
        assert inject_headers({"x": "y"}) == {"x": "y", "traceparent": TRACEPARENT, "tracestate": "a=b"}
    assert inject_headers() == {}


def test_headers_without_a_trace_begin_none() -> None:
    with continued({"traceparent": TRACEPARENT}):
        for headers in ({}, None, {"traceparent": "nonsense"}):
            assert not trace.get_current_span(extract_context(headers)).get_span_context().is_valid


def test_the_current_trace_has_an_id_to_be_written_down() -> None:
    with continued({"traceparent": TRACEPARENT}):
        assert current_trace_id() == "0af7651916cd43dd8448eb211c80319c"
    assert current_trace_id() is None


def test_without_a_collector_nothing_is_set_up() -> None:
    before = trace.get_tracer_provider()
    configure_tracing("carts", ServiceSettings.model_validate({"otel_exporter_otlp_endpoint": None}))()
    assert trace.get_tracer_provider() is before
