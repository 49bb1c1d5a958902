"""A request for collaboration becomes a task for another worker, once, and both ends know of each other."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts import streams, subjects
from contracts.decided import DecidedEvent, DecidedKind
from contracts.rpc import GetTask, TaskBrief
from contracts.tasks import Assignment, TaskView
from servicekit.bus.rpc import RpcError, call
from servicekit.ids import new_event_id
from tests.support.examples import NOW
from tests.support.fleet import HandWorker
from tests.support.orchestrating import Orchestra, orchestra
from tests.support.producer import Producer, settled
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

REQUEST = {
    "collaboration_type": "code_review",
    "task_description": "Review src/auth.py",
    "context": "branch feature",
    "priority": "high",
}
PARENT = {"repository": "https://example.org/app.git", "ref": "main", "branch": "feature", "env": {"TOKEN": "s"}}
DEADLINE = datetime(2026, 12, 24, 18, 0, tzinfo=UTC)


@pytest.fixture
async def o(database: Database, nats_server: TestNats) -> AsyncGenerator[Orchestra]:
    async with orchestra(database, nats_server) as it:
        yield it


class Asking:
    """A worker at work on a task, that asks for help."""

    def __init__(self, o: Orchestra, worker: HandWorker, assignment: Assignment) -> None:
        self.o, self.worker, self.assignment = o, worker, assignment
        self.broker = Producer(o.bus, f"questions-{new_event_id()}")

    @classmethod
    async def start(cls, o: Orchestra, worker_id: str = "asker", slots: int = 3, **requirements: Any) -> "Asking":
        capabilities = [f"agent:{requirements['agent']}"] if "agent" in requirements else []
        worker = await o.worker(worker_id, slots, capabilities=capabilities)
        await o.create(worker_id=worker_id, requirements=PARENT | requirements)
        assignment = await worker.take()
        await worker.progress(assignment)
        await o.reaches(assignment.task_id, "running")
        return cls(o, worker, assignment)

    async def ask(self, question_id: str = "q-1", waits: bool = True, **changes: Any) -> None:
        """What the question-broker says of a request."""
        data = {"kind": "collaboration_request", "waits": waits, "request": REQUEST | changes}
        await self.tell(DecidedKind.question_asked, question_id, data | {"expires_at": DEADLINE.isoformat()})

    async def close(self, kind: DecidedKind, question_id: str = "q-1", actor: str = "system", **data: Any) -> None:
        """What the question-broker says of a request that is over."""
        await self.tell(kind, question_id, {"kind": "collaboration_request", **data}, actor)

    async def tell(self, kind: DecidedKind, question_id: str, data: dict[str, Any], actor: str | None = None) -> None:
        await self.broker.tell(
            DecidedEvent(
                event_id=new_event_id(),
                kind=kind,
                occurred_at=NOW,
                task_id=self.assignment.task_id,
                attempt=self.assignment.attempt,
                worker_id=self.worker.worker_id,
                question_id=question_id,
                actor=actor or self.worker.worker_id,
                data=data,
            )
        )

    async def linked(self) -> TaskView:
        """The task that was made for the request."""
        return await eventually(self._find)

    async def has_none(self) -> bool:
        """Whether no task was made, once all that was said has been applied."""
        await settled(self.o.bus, streams.EVENTS, "orchestrator-events")
        return await self._find() is None

    async def _find(self) -> TaskView | None:
        rows = await self.o.sql("SELECT task_id FROM tasks WHERE parent_task_id IS NOT NULL")
        assert len(rows) <= 1
        return await self.o.task(rows[0]["task_id"]) if rows else None


async def told_of(o: Orchestra, kind: str) -> list[DecidedEvent]:
    """The domain events of one kind about tasks made for requests."""
    return [event for event in await o.told(f"event.{kind}") if event.question_id]


async def test_a_request_becomes_a_task_for_another_worker_on_the_same_code(o: Orchestra) -> None:
    asking = await Asking.start(o)
    await asking.ask()
    linked = await asking.linked()
    assert (linked.priority, linked.parent_task_id, linked.max_attempts) == ("high", asking.assignment.task_id, 2)
    code = linked.requirements
    assert (code.repository, code.ref, code.branch, code.env) == (PARENT["repository"], "main", "feature", {})
    for part in ("asker", "code_review", "Review src/auth.py", "branch feature", "respond_to_collaboration", "q-1"):
        assert part in linked.description
    terms = linked.collaboration
    assert terms is not None
    assert (terms.question_id, terms.from_worker, terms.deadline_at) == ("q-1", "asker", DEADLINE)
    assert terms.from_task == asking.assignment.task_id
    waits = await o.when(linked.task_id, lambda view: view.reason is not None)
    assert waits.reason == "no worker but asker, which asks for help, is online"
    helper = await o.worker("helper")
    assert (await helper.take()).collaboration == terms
    assert await asking.worker.has_nothing()
    assigned = await told_of(o, "task.assigned")
    assert [(one.question_id, one.worker_id, one.task_id) for one in assigned] == [("q-1", "helper", linked.task_id)]
    [queued] = await told_of(o, "task.queued")
    assert queued.data["parent_task_id"] == asking.assignment.task_id
    about = {"priority": "high", "repository": PARENT["repository"]}
    assert [about.items() <= one.data.items() for one in (queued, *assigned)] == [True, True]


async def test_the_request_may_name_its_helper(o: Orchestra) -> None:
    asking = await Asking.start(o)
    await o.worker("first")
    chosen = await o.worker("second")
    await asking.ask(target_worker="second")
    assert (await chosen.take()).task_id == (await asking.linked()).task_id


@pytest.mark.parametrize("is_named", [False, True])
async def test_workers_whose_slots_are_full_of_askers_help_each_other(o: Orchestra, is_named: bool) -> None:
    one, two = await Asking.start(o, "one", slots=1), await Asking.start(o, "two", slots=1)
    later = await o.create("ordinary", priority="critical")
    await one.ask("q-1", target_worker="two" if is_named else None)
    await two.ask("q-2", target_worker="one" if is_named else None)
    by_two, by_one = await two.worker.take(), await one.worker.take()
    assert by_two.collaboration is not None
    assert by_one.collaboration is not None
    assert (by_two.collaboration.question_id, by_one.collaboration.question_id) == ("q-1", "q-2")
    await one.ask("q-3", target_worker="two")
    assert await two.worker.has_nothing()
    assert (await o.task(later.task_id)).status == "queued"
    shown = await o.worker_view("two")
    assert (len(shown.running), shown.slots_total, shown.slots_free) == (2, 1, 0)
    await two.worker.end(by_two)
    third = (await two.worker.take()).collaboration
    assert third is not None
    assert third.question_id == "q-3"
    await one.worker.end(by_one)
    await one.worker.end(one.assignment)
    assert (await one.worker.take()).task_id == later.task_id


@pytest.mark.parametrize(("target", "agent"), [(None, "codex"), ("peer", "codex"), ("plain", None)])
async def test_the_helper_is_the_askers_kind_of_agent_where_the_helper_has_it(
    o: Orchestra, target: str | None, agent: str | None
) -> None:
    asking = await Asking.start(o, agent="codex", model="m")
    workers = {"plain": await o.worker("plain"), "peer": await o.worker("peer", capabilities=["agent:codex"])}
    await asking.ask(target_worker=target)
    taken = await workers[target or "peer"].take()
    assert (taken.requirements.agent, taken.requirements.free.get("model")) == (agent, "m" if agent else None)


async def test_an_agent_that_only_the_asker_has_is_not_asked_of_others(o: Orchestra) -> None:
    asking = await Asking.start(o, agent="codex", model="m")
    helper = await o.worker("plain")
    await asking.ask()
    taken = await helper.take()
    assert (taken.requirements.agent, taken.requirements.free) == (None, {})


@pytest.mark.parametrize(("target", "reason"), [("asker", "the asking worker itself"), ("nobody", "is not known")])
async def test_a_helper_that_cannot_be_is_refused_with_the_reason(o: Orchestra, target: str, reason: str) -> None:
    asking = await Asking.start(o)
    await asking.ask(target_worker=target)
    refused = await eventually(lambda: told_of(o, "task.refused"))
    assert [one.question_id for one in refused] == ["q-1"]
    assert reason in str(refused[0].data["reason"])
    assert await asking.has_none()


async def test_the_news_of_one_request_makes_one_task_however_often_it_comes(o: Orchestra) -> None:
    asking = await Asking.start(o)
    await asking.ask()
    await asking.ask()
    await asking.broker.repeat_all(1)
    await asking.linked()
    await settled(o.bus, streams.EVENTS, "orchestrator-events")
    await asking.linked()
    assert len(await told_of(o, "task.queued")) == 1


async def test_an_attempt_that_is_not_live_gets_no_help(o: Orchestra) -> None:
    asking = await Asking.start(o)
    await asking.worker.end(asking.assignment)
    await o.reaches(asking.assignment.task_id, "completed")
    await asking.ask()
    assert await asking.has_none()


@pytest.mark.parametrize("kind", [DecidedKind.question_expired, DecidedKind.question_withdrawn])
@pytest.mark.parametrize("is_taken", [False, True])
async def test_a_request_that_is_over_ends_the_helpers_task(o: Orchestra, kind: DecidedKind, is_taken: bool) -> None:
    asking = await Asking.start(o)
    await asking.ask()
    linked = await asking.linked()
    if is_taken:
        helper = await o.worker("helper")
        await helper.take()
    await asking.close(kind)
    ended = await o.reaches(linked.task_id, "cancelled")
    assert "the request q-1 of asker is" in (ended.reason or "")
    if is_taken:
        assert (await helper.commanded(lambda one: one.action == "cancel")).task_id == linked.task_id
    cancelled = await eventually(lambda: told_of(o, "task.cancelled"))
    assert [one.question_id for one in cancelled] == ["q-1"]
    await asking.broker.repeat_all(1)
    await settled(o.bus, streams.EVENTS, "orchestrator-events")
    assert (await o.task(linked.task_id)).status == "cancelled"


async def test_a_request_that_its_helper_answered_lets_the_helper_finish(o: Orchestra) -> None:
    asking = await Asking.start(o)
    helper = await o.worker("helper")
    await asking.ask()
    taken = await helper.take()
    await asking.close(DecidedKind.question_answered, actor="helper", helper_worker="helper")
    await settled(o.bus, streams.EVENTS, "orchestrator-events")
    await helper.end(taken, claimed={"status": "completed", "summary": {"overview": "reviewed it all"}})
    await o.reaches(taken.task_id, "completed")
    completed = await eventually(lambda: told_of(o, "task.completed"))
    assert [(one.question_id, one.data["overview"]) for one in completed] == [("q-1", "reviewed it all")]


async def test_a_request_that_the_manager_answered_needs_no_helper(o: Orchestra) -> None:
    asking = await Asking.start(o)
    helper = await o.worker("helper")
    await asking.ask()
    taken = await helper.take()
    await asking.close(DecidedKind.question_answered, actor="ada", helper_worker="helper")
    await o.reaches(taken.task_id, "cancelled")


async def test_a_helper_that_fails_for_good_says_so_and_another_try_does_not(o: Orchestra) -> None:
    asking = await Asking.start(o)
    helper = await o.worker("helper")
    await asking.ask()
    await helper.end(await helper.take(), "failed", reason="first")
    await helper.end(await helper.take(), "failed", reason="no such ref")
    failed = await eventually(lambda: told_of(o, "task.failed"))
    assert [(one.question_id, one.data["reason"]) for one in failed] == [("q-1", "no such ref")]
    assert [one.question_id for one in await told_of(o, "task.requeued")] == ["q-1"]


@pytest.mark.parametrize(("waits", "status"), [(True, "waiting"), (False, "running")])
async def test_a_task_waits_only_for_what_it_waits_for(o: Orchestra, waits: bool, status: str) -> None:
    asking = await Asking.start(o)
    await asking.ask(waits=waits)
    await asking.linked()
    assert (await o.task(asking.assignment.task_id)).status == status


async def test_both_ends_of_a_request_may_read_each_others_task_and_nobody_else(o: Orchestra) -> None:
    asking = await Asking.start(o)
    helper = await o.worker("helper")
    await o.worker("stranger")
    await asking.ask()
    parent, linked = asking.assignment.task_id, (await helper.take()).task_id
    for worker_id in ("asker", "helper"):
        for task_id in (parent, linked):
            assert (await brief(o, worker_id, task_id)).task_id == task_id
    shown = await brief(o, "helper", linked)
    assert (shown.parent_task_id, shown.collaboration and shown.collaboration.question_id) == (parent, "q-1")
    with pytest.raises(RpcError, match="no part in a task") as refused:
        await brief(o, "stranger", parent)
    assert refused.value.code == "task_not_found"


async def test_an_older_request_without_its_terms_makes_its_task_wait_and_no_other(o: Orchestra) -> None:
    asking = await Asking.start(o)
    await asking.tell(DecidedKind.question_asked, "q-1", {"kind": "collaboration_request", "question": "Wants help"})
    await o.reaches(asking.assignment.task_id, "waiting")
    assert await asking.has_none()


async def brief(o: Orchestra, worker_id: str, task_id: str) -> TaskBrief:
    subject = subjects.rpc("orchestrator", "get_task", worker_id)
    return TaskBrief.model_validate_json(await call(o.bus, subject, GetTask(task_id=task_id).to_json()))
