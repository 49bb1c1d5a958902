"""How attempts end, what becomes of their tasks, and what a stale one can do: nothing."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from functools import partial

import asyncpg
import pytest

from contracts import streams, subjects
from contracts.decided import DecidedEvent, DecidedKind
from contracts.tasks import Assignment
from orchestrator import app
from orchestrator.handlers import reports
from servicekit.ids import new_event_id
from tests.support.examples import NOW
from tests.support.fleet import HandWorker
from tests.support.orchestrating import Orchestra, orchestra
from tests.support.producer import Producer, settled
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

HOLD = "SELECT FROM tasks WHERE task_id = $1 FOR NO KEY UPDATE NOWAIT"
WAITING = "SELECT FROM pg_locks WHERE NOT granted AND $1 = ANY (pg_blocking_pids(pid))"


@pytest.fixture
async def o(database: Database, nats_server: TestNats) -> AsyncGenerator[Orchestra]:
    async with orchestra(database, nats_server) as it:
        yield it


async def running(o: Orchestra, worker: HandWorker, **fields: object) -> Assignment:
    task = await o.create(**fields)  # type: ignore[arg-type]
    assignment = await worker.take()
    await worker.progress(assignment)
    await o.reaches(task.task_id, "running")
    return assignment


async def question(o: Orchestra, kind: DecidedKind, assignment: Assignment, question_id: str) -> None:
    await Producer(o.bus, f"questions-{new_event_id()}").tell(news_of(kind, assignment, question_id))


def news_of(kind: DecidedKind, assignment: Assignment, question_id: str) -> DecidedEvent:
    return DecidedEvent(
        event_id=new_event_id(),
        kind=kind,
        occurred_at=NOW,
        task_id=assignment.task_id,
        attempt=assignment.attempt,
        worker_id=assignment.worker_id,
        question_id=question_id,
    )


async def test_a_failed_attempt_is_tried_again_until_attempts_are_used_up(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create(max_attempts=2)
    await worker.end(await worker.take(), "failed", reason="first")
    again = await worker.take()
    assert again.attempt == 2
    await worker.end(again, "failed", reason="second")
    failed = await o.reaches(task.task_id, "failed")
    assert failed.reason == "second"
    assert [(one.state, one.reason) for one in failed.attempts] == [("failed", "first"), ("failed", "second")]
    assert (await o.worker_view()).tasks_failed == 2
    assert (await o.events(task.task_id))[-3:] == ["task.requeued", "task.assigned", "task.failed"]
    [again_queued, ended] = [*await o.told("event.task.requeued"), *await o.told("event.task.failed")]
    assert (again_queued.data["attempt_state"], again_queued.data.get("failure_class")) == ("failed", None)
    assert (ended.data["attempt_state"], ended.data["failure_class"]) == ("failed", "retryable")


async def test_a_failure_that_cannot_end_differently_is_not_tried_again(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create(max_attempts=5)
    await worker.end(await worker.take(), "failed", retryable=False, reason="no such repository")
    assert len((await o.reaches(task.task_id, "failed")).attempts) == 1


async def test_a_claim_of_success_that_the_verification_refutes_is_a_failure(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create(max_attempts=1)
    assignment = await worker.take()
    claimed = {"status": "completed", "summary": {"overview": "all done"}}
    verified = {"passed": False, "commands": [{"command": "pytest -q", "exit_code": 1, "duration_ms": 5}]}
    await worker.end(assignment, claimed=claimed, verified=verified, observed={"agent": "x", "exit_code": 0})
    failed = await o.reaches(task.task_id, "failed")
    assert failed.reason == "verification failed: `pytest -q` exited with 1"
    assert failed.analytics is not None
    assert failed.analytics["claimed"]["summary"]["overview"] == "all done"
    assert failed.analytics["verified"]["passed"] is False


async def test_an_attempt_that_timed_out_for_good_leaves_the_task_timed_out(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create(max_attempts=1)
    await worker.end(await worker.take(), "timed_out", reason="600 s are over")
    assert (await o.reaches(task.task_id, "timed_out")).reason == "600 s are over"


async def test_a_refused_assignment_costs_no_attempt_and_goes_elsewhere_if_it_can(o: Orchestra) -> None:
    one, two = await o.worker("w1"), await o.worker("w2")
    task = await o.create(max_attempts=1, requirements={"repository": "r"})
    first = await o.when(task.task_id, lambda view: view.assigned_worker is not None)
    refuser, other = (one, two) if first.assigned_worker == "w1" else (two, one)
    await refuser.end(await refuser.take(), "refused", reason="shutting down")
    await other.end(await other.take())
    done = await o.reaches(task.task_id, "completed")
    assert [one.state for one in done.attempts] == ["refused", "completed"]


async def test_refusals_without_end_use_up_the_attempts(database: Database, nats_server: TestNats) -> None:
    async with orchestra(database, nats_server, max_refusals=2) as o:
        worker = await o.worker()
        task = await o.create(max_attempts=1)
        for _ in range(3):
            await worker.end(await worker.take(), "refused", reason="never")
        failed = await o.reaches(task.task_id, "failed")
        assert [one.state for one in failed.attempts] == ["refused"] * 3


async def test_a_claim_closes_nothing_and_is_shown(o: Orchestra) -> None:
    worker = await o.worker()
    assignment = await running(o, worker)
    claim = {"status": "completed", "summary": {"overview": "I am done"}}
    await worker.producer.send(worker.event("completion", claim, assignment))
    claimed = await o.when(assignment.task_id, lambda view: view.analytics is not None)
    assert claimed.status == "running"
    assert claimed.analytics == {"claimed": claim | {"summary": {**claimed.analytics["claimed"]["summary"]}}}  # type: ignore[index]


async def test_cancelling_a_running_task_fences_its_worker_and_tells_it(o: Orchestra) -> None:
    worker = await o.worker()
    assignment = await running(o, worker)
    answer = await o.client.post(f"/v1/tasks/{assignment.task_id}/cancel", json={"reason": "wrong branch"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")

    command = await worker.commanded(lambda command: command.action == "cancel")
    assert (command.task_id, command.attempt, command.reason) == (assignment.task_id, 1, "wrong branch")
    await worker.end(assignment, "completed")
    # Of two outcomes in one gathering the first alone counts.
    await settled(o.bus, streams.TELEMETRY, reports.CONSUMER)
    await worker.end(assignment, "cancelled", observed={"agent": "auditor", "signal": 15})
    seen = await o.when(assignment.task_id, lambda view: view.analytics is not None)
    assert (seen.status, seen.reason) == ("cancelled", "wrong branch")
    assert [one.state for one in seen.attempts] == ["cancelled"]
    assert (await o.worker_view()).slots_free == worker.slots


async def test_an_attempt_without_a_sign_of_life_is_lost_and_a_stale_report_changes_nothing(
    database: Database, nats_server: TestNats
) -> None:
    async with orchestra(database, nats_server, lease_ms=500) as o:
        worker = await o.worker()
        lost = await running(o, worker)
        await worker.progress(lost, body={"metrics": {"percent_complete": 50}})
        again = await worker.take()
        assert (again.task_id, again.attempt) == (lost.task_id, 2)
        assert (await worker.commanded(lambda one: one.action == "cancel")).attempt == 1

        await worker.progress(lost, "stale")
        await worker.progress(lost, "stale again")
        await worker.end(lost)
        await worker.progress(again, "fresh")
        now = await o.when(lost.task_id, lambda view: view.progress is not None and view.progress.status == "fresh")
        assert now.status == "running"
        assert [one.state for one in now.attempts] == ["lost", "running"]
        assert now.attempts[0].reason == "no sign of life for 0.5 s"
        await worker.end(again)
        await o.reaches(lost.task_id, "completed")

        async def told() -> list[str] | None:
            events = await o.events(lost.task_id)
            return events if "task.stale_report" in events else None

        assert (await eventually(told)).count("task.stale_report") == 1  # type: ignore[union-attr]
        assert [one.data["attempt_state"] for one in await o.told("event.task.requeued")] == ["lost"]


async def test_heartbeats_that_name_an_attempt_keep_its_lease(database: Database, nats_server: TestNats) -> None:
    async with orchestra(database, nats_server, lease_ms=1_000) as o:
        worker = await o.worker()
        async with worker.alive() as named:
            named.append(kept := await running(o, worker))
            dropped = await running(o, worker)
            await o.when(dropped.task_id, lambda view: view.attempt == 2)
            assert [one.state for one in (await o.task(kept.task_id)).attempts] == ["running"]


async def test_a_task_waits_while_a_question_is_open(o: Orchestra) -> None:
    worker = await o.worker()
    assignment = await running(o, worker)
    await question(o, DecidedKind.question_asked, assignment, "q-1")
    await o.reaches(assignment.task_id, "waiting")
    await question(o, DecidedKind.question_asked, assignment, "q-2")
    await question(o, DecidedKind.question_answered, assignment, "q-1")
    await worker.progress(assignment, "still there")
    waiting = await o.when(
        assignment.task_id, lambda view: view.progress is not None and view.progress.status == "still there"
    )
    assert waiting.status == "waiting"
    await question(o, DecidedKind.question_expired, assignment, "q-2")
    await o.reaches(assignment.task_id, "running")
    assert (await o.events(assignment.task_id))[-2:] == ["task.waiting", "task.running"]


async def test_a_question_of_a_stale_attempt_makes_nobody_wait(o: Orchestra) -> None:
    worker = await o.worker()
    assignment = await running(o, worker)
    await worker.end(assignment, "failed")
    again = await worker.take()
    await question(o, DecidedKind.question_asked, assignment, "q-1")
    await question(o, DecidedKind.question_asked, again, "q-2")
    await o.reaches(assignment.task_id, "waiting")
    await question(o, DecidedKind.question_answered, again, "q-2")
    await worker.progress(again)
    await o.reaches(assignment.task_id, "running")


async def test_questions_have_tasks_in_the_order_in_which_reports_have_them(o: Orchestra, database: Database) -> None:
    worker, told = await o.worker(), Producer(o.bus, "questions")
    first, last = sorted([await running(o, worker), await running(o, worker)], key=lambda one: one.task_id)
    news = [news_of(DecidedKind.question_asked, one, f"q-{one.task_id}") for one in (last, first)]
    holder = await asyncpg.connect(database.dsn(app.SCHEMA))
    try:
        async with holder.transaction():
            await holder.execute(HOLD, first.task_id)
            await told.publish([told.seal(subjects.for_decided(DecidedKind.question_asked), news)])
            await eventually(partial(o.sql, WAITING, holder.get_server_pid()))
            await o.sql(HOLD, last.task_id)
    finally:
        await holder.close()
    for task in (first, last):
        await o.reaches(task.task_id, "waiting")


async def test_a_task_is_paused_when_the_worker_agent_saw_it_stop_and_not_when_an_agent_says_so(o: Orchestra) -> None:
    worker = await o.worker()
    assignment = await running(o, worker)
    await worker.progress(assignment, "paused")
    said = await o.when(assignment.task_id, lambda view: view.progress is not None and view.progress.status == "paused")
    assert said.status == "running"
    await worker.progress(assignment, "paused", evidence="observed")
    await o.reaches(assignment.task_id, "paused")
    await worker.progress(assignment, "executing", evidence="observed")
    await o.reaches(assignment.task_id, "running")


async def test_what_comes_twice_takes_effect_once(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create(max_attempts=5)
    await worker.end(await worker.take(), "failed")
    again = await worker.take()
    await worker.producer.repeat_all(1)
    await worker.end(again)
    done = await o.reaches(task.task_id, "completed")
    assert [one.state for one in done.attempts] == ["failed", "completed"]
    view = await o.worker_view()
    assert (view.tasks_completed, view.tasks_failed) == (1, 1)


async def test_a_second_outcome_of_an_attempt_changes_nothing(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create()
    assignment = await worker.take()
    await worker.end(assignment, observed={"agent": "first"})
    await o.reaches(task.task_id, "completed")
    await worker.end(assignment, "failed", observed={"agent": "second"})
    await worker.end(await _another(o, worker))
    done = await o.task(task.task_id)
    assert (done.status, done.analytics and done.analytics["observed"]["agent"]) == ("completed", "first")
    assert "task.stale_report" not in await o.events(task.task_id)


async def test_times_that_a_worker_invents_do_not_leave_the_attempt(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create()
    assignment = await worker.take()
    await worker.progress(assignment, occurred_at=assignment.assigned_at - timedelta(days=3))
    started = (await o.reaches(task.task_id, "running")).attempts[0].started_at
    assert started == assignment.assigned_at


async def _another(o: Orchestra, worker: HandWorker) -> Assignment:
    """A later task, whose completion shows that what was sent before has been taken in."""
    task = await o.create()
    assignment = await worker.take()
    await worker.end(assignment)
    await o.reaches(task.task_id, "completed")
    return assignment
