from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, StatusCode, TraceFlags

from servicekit.settings import ServiceSettings
from servicekit.traces import (
    configure_tracing,
    continued,
    current_trace_id,
    current_traceparent,
    extract_context,
    inject_headers,
    nearest,
    record,
    reserve,
    shared,
    span,
)
from servicekit.traces.context import span_context_of
from tests.support.spans import tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE}-b7ad6b7169203331-00"
OTHER = "00-11111111111111111111111111111111-2222222222222222-01"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def place(one: ReadableSpan) -> str:
    assert one.context is not None
    return f"00-{one.context.trace_id:032x}-{one.context.span_id:016x}-{one.context.trace_flags:02x}"


def parent(one: ReadableSpan) -> str | None:
    return f"{one.parent.span_id:016x}" if one.parent else None


def test_a_trace_goes_from_headers_to_headers_though_tracing_is_off() -> None:
    with continued({"TraceParent": TRACEPARENT, "tracestate": "a=b"}), span("work", attributes={"task_id": "task-1"}):
        assert inject_headers({"x": "y"}) == {"x": "y", "traceparent": TRACEPARENT, "tracestate": "a=b"}
    assert inject_headers() == {}


def test_a_trace_goes_on_through_what_is_kept_though_tracing_is_off() -> None:
    assert reserve(TRACEPARENT) == TRACEPARENT
    assert reserve(None, [TRACEPARENT]) is None
    with span("work", parent=TRACEPARENT):
        assert current_traceparent() == TRACEPARENT
    record("work", NOW, NOW, parent=TRACEPARENT)
    assert current_traceparent() is None


def test_headers_without_a_trace_begin_none() -> None:
    with continued({"traceparent": TRACEPARENT}):
        for headers in ({}, None, {"traceparent": "nonsense"}):
            assert not trace.get_current_span(extract_context(headers)).get_span_context().is_valid


def test_the_current_trace_has_an_id_to_be_written_down() -> None:
    with continued({"traceparent": TRACEPARENT}):
        assert current_trace_id() == TRACE
    assert current_trace_id() is None


def test_without_a_collector_nothing_is_set_up() -> None:
    before = trace.get_tracer_provider()
    configure_tracing("carts", ServiceSettings.model_validate({"otel_exporter_otlp_endpoint": None}))()
    assert trace.get_tracer_provider() is before


@pytest.mark.parametrize(
    ("kept", "headers"),
    [
        ([], {}),
        ([None], {}),
        ([TRACEPARENT, None], {}),
        ([TRACEPARENT, OTHER], {}),
        ([TRACEPARENT] * 2, {"traceparent": TRACEPARENT}),
    ],
)
def test_what_belongs_to_several_traces_goes_out_in_none(kept: list[str | None], headers: dict[str, str]) -> None:
    assert shared(kept) == headers


def test_the_nearest_of_a_trace_is_the_current_span_if_it_is_of_that_trace(made: InMemorySpanExporter) -> None:
    with span("work", parent=TRACEPARENT):
        assert nearest(TRACEPARENT) == nearest(None) == current_traceparent() != TRACEPARENT
        assert nearest(OTHER) == OTHER
    assert nearest(TRACEPARENT) == TRACEPARENT


def test_a_span_is_made_at_its_place_once_it_has_ended(made: InMemorySpanExporter) -> None:
    kept = reserve(TRACEPARENT)
    record("child", NOW, NOW + timedelta(seconds=2), parent=kept)
    record("whole", NOW, NOW + timedelta(seconds=3), parent=TRACEPARENT, place=kept)
    record("next", NOW, NOW - timedelta(seconds=3), parent=TRACEPARENT)
    child, whole, after = made.get_finished_spans()
    assert place(whole)[:52] == str(kept)[:52]
    assert (parent(whole), parent(child)) == ("b7ad6b7169203331", place(whole)[36:52])
    assert (whole.end_time or 0) - (whole.start_time or 0) == 3_000_000_000
    assert place(after)[36:52] != place(whole)[36:52]
    assert after.end_time == after.start_time


def test_a_place_may_be_the_first_of_a_trace(made: InMemorySpanExporter) -> None:
    first, second = reserve(), reserve()
    record("first", NOW, NOW, parent=None, place=first)
    record("second", NOW, NOW, parent=None, place=second, links=[TRACEPARENT, "nonsense"])
    one, two = made.get_finished_spans()
    assert (place(one), place(two), one.parent) == (first, second, None)
    assert [link.context.trace_id for link in two.links] == [int(TRACE, 16)]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_traces_that_are_linked_are_kept_or_none(share: float) -> None:
    with tracing(share) as exporter:
        kept, dropped = reserve(None, [TRACEPARENT]), reserve(None, [UNSAMPLED])
        by_chance = reserve()
        assert [span_context_of(str(one)).trace_flags.sampled for one in (kept, dropped)] == [True, False]
        assert span_context_of(str(by_chance)).trace_flags.sampled is bool(share)
        record("kept", NOW, NOW, parent=None, place=kept, links=[TRACEPARENT])
        record("below", NOW, NOW, parent=dropped)
        record("dropped", NOW, NOW, parent=None, place=dropped, links=[UNSAMPLED])
        with span("dropped", links=[UNSAMPLED]):
            assert str(current_traceparent())[-2:] in ("00", "02")
        assert [one.name for one in exporter.get_finished_spans()] == ["kept"]


def test_a_share_of_new_traces_is_kept_and_reserved_alike() -> None:
    with tracing(0.5) as exporter:
        places = [str(reserve()) for _ in range(100)]
        for one in places:
            record("work", NOW, NOW, parent=None, place=one)
        kept = {place(one) for one in exporter.get_finished_spans()}
    assert kept == {one for one in places if TraceFlags(int(one[-2:], 16)).sampled}
    assert 10 < len(kept) < 90


def test_nothing_that_an_error_or_a_query_says_is_exported(made: InMemorySpanExporter) -> None:
    class Refused(Exception):
        code = "refused"

    def fails(error: Exception) -> None:
        with span("work", attributes={"url.query": "name=secret", "url.path": "/v1", "mews.queue.wait_ms": None}):
            raise error

    for error in (Refused("secret"), ValueError("secret")):
        with pytest.raises(type(error)):
            fails(error)
    assert [dict(one.attributes or {}) for one in made.get_finished_spans()] == [
        {"url.path": "/v1", "error.type": "refused"},
        {"url.path": "/v1", "error.type": "ValueError"},
    ]
    for one in made.get_finished_spans():
        assert (one.status.status_code, one.status.description, one.events) == (StatusCode.ERROR, None, ())
        assert "secret" not in one.to_json()


@pytest.mark.parametrize(("status", "failed"), [(200, False), (502, True)])
def test_whoever_leaves_an_open_stream_makes_no_failure_of_it(
    made: InMemorySpanExporter, status: int, failed: bool
) -> None:
    with pytest.raises(ConnectionError), span("GET /live", attributes={"http.response.status_code": status}):
        raise ConnectionError
    (one,) = made.get_finished_spans()
    assert one.status.is_ok is not failed
    assert ("error.type" in (one.attributes or {})) is failed


def test_links_have_a_bound(made: InMemorySpanExporter) -> None:
    many = [f"00-{number:032x}-{1:016x}-01" for number in range(1, 1_000)]
    with span("work", links=many):
        pass
    (one,) = made.get_finished_spans()
    links: Sequence[Link] = one.links
    assert len(links) == 32
