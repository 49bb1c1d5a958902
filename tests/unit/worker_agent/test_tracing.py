import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from contracts.events import EVENT_TYPES, Evidence
from contracts.events.reporting import Progress, TokenUsage, ToolCall
from servicekit.traces import current_traceparent
from tests.support.examples import NOW
from tests.support.fakes import FakeClock
from tests.unit.worker_agent.test_admission import assignment
from worker_agent.decisions.tracing import how_it_ended, named_in, place_of, provider
from worker_agent.domain import AgentEnd, AttemptKey, AttemptRecord, Cancellation
from worker_agent.handlers.tracing import LONGEST, AttemptTrace

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
KEY = AttemptKey("task-1", 1)


def held(traceparent: str | None = TRACEPARENT) -> AttemptRecord:
    return AttemptRecord(assignment=assignment(1, "task-1"), token="t", accepted_at=NOW, traceparent=traceparent)


def test_the_places_of_an_attempt_are_the_same_after_each_start_and_differ_by_role() -> None:
    places = {
        place_of(TRACEPARENT, key, role) for key in (KEY, AttemptKey("task-1", 2)) for role in ("attempt", "agent")
    }
    assert len(places) == 4
    assert place_of(TRACEPARENT, KEY, "agent") in places
    assert {(len(one), one[:36], one[-3:]) for one in places} == {(55, TRACEPARENT[:36], "-01")}


def test_a_batch_says_whose_events_it_has() -> None:
    def event(task_id: str, attempt: int, text: str = "") -> bytes:
        said = EVENT_TYPES["progress"].model_construct(
            event_id="e", worker_id="w", task_id=task_id, attempt=attempt, seq=1, occurred_at=NOW,
            evidence=Evidence.reported, kind="progress", body=Progress(status="executing", phase=text or "x"),
        )  # fmt: skip
        return said.to_json()

    trap = '"task_id":"task-9","attempt":9'
    events = [event("task-1", 1, trap), event("task-1", 1), event("task-2", 3)]
    message = b'{"producer":"p","batch":1,"events":[' + b",".join(events) + b"]}"
    assert list(named_in(message)) == [KEY, AttemptKey("task-2", 3)]
    assert len(list(named_in(b"".join(event(f"task-{number}", 1) for number in range(100))))) == 8
    assert list(named_in(b"nonsense")) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "stop"),
        ({"failure": "no"}, "failed"),
        ({"agent_end": AgentEnd(failure="no")}, "failed"),
        ({"timed_out": True, "failure": "too long"}, "timed_out"),
        ({"cancelled": Cancellation(reason="no"), "timed_out": True}, "cancelled"),
    ],
)
def test_how_a_run_ended_is_one_word(changes: dict[str, object], word: str) -> None:
    assert how_it_ended(held().model_copy(update=changes)) == word


def test_providers_have_the_names_of_the_conventions() -> None:
    assert [provider(agent) for agent in ("claude", "gemini", "google", "auditor", "opencode")] == [
        "anthropic",
        "gcp.gemini",
        "gcp.gemini",
        "mews",
        "opencode",
    ]


def test_a_long_attempt_goes_on_in_other_traces_that_link_back(made: InMemorySpanExporter) -> None:
    clock = FakeClock(NOW)
    trace = AttemptTrace(held(), clock, str)
    first = (trace.here, trace.of_agent)
    clock.advance(LONGEST.total_seconds())
    assert (trace.here, trace.of_agent) == first
    clock.advance(1)
    second = trace.here
    assert trace.of_agent == second
    clock.advance(2 * LONGEST.total_seconds())
    third = trace.of_agent
    marks = made.get_finished_spans()
    assert len({str(one)[:36] for one in (first[0], second, third)}) == 3
    assert [one.name for one in marks] == ["continue_attempt"] * 2
    assert [one.parent for one in marks] == [None] * 2
    linked = [[f"{link.context.span_id:016x}" for link in one.links] for one in marks]
    assert linked == [[str(first[0])[36:52]], [str(one)[36:52] for one in (first[0], second)]]
    # What the whole belongs to does not move.
    trace.ended(held(), "completed")
    assert f"{made.get_finished_spans()[-1].context.trace_id:032x}" == TRACE  # pyright: ignore[reportOptionalMemberAccess]


def test_an_attempt_of_nobodys_trace_makes_no_spans(made: InMemorySpanExporter) -> None:
    trace = AttemptTrace(held(None), FakeClock(NOW), str)
    trace.ended(held(None), "completed")
    trace.agent_ended(held(None))
    assert (trace.here, trace.of_agent, trace.for_agent, trace.headers) == (None, None, None, {})
    assert not made.get_finished_spans()


def test_a_secret_among_the_words_of_an_agent_is_masked(made: InMemorySpanExporter) -> None:
    trace = AttemptTrace(held(), FakeClock(NOW), lambda text: text.replace("s3cret", "***"))
    trace.observed(ToolCall(tool_name="s3cret", call_id="id s3cret"), NOW)
    trace.observed(TokenUsage(model="s3cret", input_tokens=1, output_tokens=1), NOW)
    end = AgentEnd(model="s3cret", version="s3cret", session_id="s3cret")
    trace.agent_ended(held().model_copy(update={"started_at": NOW, "agent": "claude", "agent_end": end}))
    names = [one.name for one in made.get_finished_spans()]
    assert names == ["execute_tool ***", "chat ***", "invoke_agent claude"]
    assert not [one for one in made.get_finished_spans() if "s3cret" in one.to_json()]


def test_the_callers_trace_reaches_the_agent_though_tracing_is_off() -> None:
    trace = AttemptTrace(held(), FakeClock(NOW), str)
    assert trace.for_agent == trace.here == TRACEPARENT
    with trace.phase("prepare_attempt"):
        assert current_traceparent() == TRACEPARENT
