"""The auditor's MCP session against a real server that misbehaves."""

from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from auditor.connection import CallFailedError, Connection
from auditor.errors import UnreachableManagerError
from auditor.reporter import Heard, Reporter
from auditor.resources import Meter
from contracts.base import Level
from contracts.events.recovery import Completion, CompletionStatus
from contracts.events.reporting import Milestone, StreamType
from contracts.questions import AskManager, QuestionType
from tests.support.mcp_recorder import Recorder, serve_recorder

SHORT = (0.01, 0.01, 0.01)
MILESTONE = Milestone(milestone_name="done", milestone_type="phase_complete")
QUESTION = AskManager(
    question="Which?", question_type=QuestionType.requirements, default_answer="b", deadline_ms=20_000
)


@pytest.fixture
def recorder() -> Generator[Recorder]:
    with serve_recorder() as running:
        yield running


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return []


@pytest.fixture
async def connection(recorder: Recorder) -> AsyncGenerator[Connection]:
    async with Connection(recorder.url, recorder.token, SHORT) as opened:
        yield opened


@pytest.fixture
def reporter(connection: Connection, lines: list[dict[str, Any]]) -> Reporter:
    return Reporter(connection, "task-1", lines.append, Meter())


async def test_a_report_arrives_with_the_task_it_is_about(reporter: Reporter, recorder: Recorder) -> None:
    assert await reporter.report(MILESTONE)
    assert recorder.of("report_milestone")[0]["task_id"] == "task-1"


async def test_a_call_is_repeated_while_the_worker_is_away(reporter: Reporter, recorder: Recorder) -> None:
    recorder.unavailable["report_milestone"] = 2
    assert await reporter.report(MILESTONE)
    assert recorder.attempts["report_milestone"] == 3
    assert reporter.undelivered == []


async def test_after_the_last_try_the_work_goes_on_and_the_loss_is_noted(
    reporter: Reporter, recorder: Recorder, lines: list[dict[str, Any]]
) -> None:
    recorder.unavailable["stream_realtime_data"] = 99
    await reporter.stream(StreamType.thinking, "lost?", Level.high)
    await reporter.stream(StreamType.thinking, "also lost?")
    assert recorder.attempts["stream_realtime_data"] == len(SHORT) + 2
    assert len(reporter.undelivered) == 2
    assert {"type": "thinking", "content": "lost?"} in lines


async def test_the_completion_is_tried_in_full_again(reporter: Reporter, recorder: Recorder) -> None:
    recorder.unavailable["report_milestone"] = 99
    await reporter.report(MILESTONE)
    recorder.unavailable["report_completion"] = 2
    reporter.try_harder()
    assert await reporter.report(Completion(status=CompletionStatus.completed))
    assert reporter.completed


async def test_what_the_worker_refuses_is_not_repeated(reporter: Reporter, recorder: Recorder) -> None:
    recorder.failing["report_milestone"] = 1
    assert not await reporter.report(MILESTONE)
    assert recorder.attempts["report_milestone"] == 1
    assert "because the test says so" in reporter.undelivered[0]


async def test_a_question_is_answered_by_the_manager_or_by_its_default(reporter: Reporter, recorder: Recorder) -> None:
    assert await reporter.ask(QUESTION) == Heard("b")
    recorder.answer = "a"
    assert await reporter.ask(QUESTION) == Heard("a", by_manager=True)


async def test_a_question_without_an_answer_in_time_is_given_up(connection: Connection, recorder: Recorder) -> None:
    recorder.answer_when.clear()
    with pytest.raises(CallFailedError) as failed:
        await connection.call("ask_manager", QUESTION.to_dict(), 0.2)
    assert not failed.value.passing
    assert recorder.attempts["ask_manager"] == 1


async def test_a_token_that_was_taken_once_may_be_refused_for_a_moment(reporter: Reporter, recorder: Recorder) -> None:
    assert await reporter.report(MILESTONE)
    good, recorder.token = recorder.token, "another"
    assert not await reporter.report(MILESTONE)
    recorder.token = good
    assert await reporter.report(MILESTONE)


async def test_a_refused_token_is_not_tried_again(recorder: Recorder) -> None:
    async with Connection(recorder.url, "wrong", SHORT) as connection:
        with pytest.raises(UnreachableManagerError, match="401"):
            await connection.call("report_milestone", MILESTONE.to_dict())
    assert recorder.calls == []


async def test_a_server_that_was_never_there_is_a_noted_loss(lines: list[dict[str, Any]]) -> None:
    async with Connection("http://127.0.0.1:9/mcp", "x", SHORT) as connection:
        reporter = Reporter(connection, None, lines.append, Meter())
        assert not await reporter.report(MILESTONE)
    assert "ConnectError" in reporter.undelivered[0]


async def test_a_server_that_comes_back_is_spoken_to_again(lines: list[dict[str, Any]]) -> None:
    with serve_recorder() as first:
        url, port = first.url, first.port
        connection = Connection(url, first.token, SHORT)
        reporter = Reporter(connection, None, lines.append, Meter())
        assert await reporter.report(MILESTONE)
    async with connection:
        assert not await reporter.report(MILESTONE)
        with serve_recorder(port) as second:
            assert await reporter.report(MILESTONE)
            assert len(second.of("report_milestone")) == 1
