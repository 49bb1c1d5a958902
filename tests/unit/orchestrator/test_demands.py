"""Equal demands wait in one line; equal bodies are repeats."""

from contracts.commands import CommandAction
from contracts.tasks import NewTask, Requirements
from contracts.workers import Heartbeat, WorkerStatus
from orchestrator.decisions.demands import body_hash, demand_key, demand_of, work_key
from orchestrator.decisions.liveness import status_of, told_after_restart, told_by
from orchestrator.domain import Demand
from tests.support.examples import NOW


def test_help_waits_in_lines_of_its_own_and_never_for_who_asked() -> None:
    plain = Requirements()
    asked = demand_of(None, plain, "w1")
    assert asked.but_not == "w1"
    assert demand_key(asked) != demand_key(demand_of(None, plain))
    assert (asked.is_help, demand_of(None, plain).is_help) == (True, False)
    named = demand_of("w2", plain, "w1")
    assert (named.worker_id, named.is_help) == ("w2", True)
    assert demand_key(named) != demand_key(demand_of("w2", plain))


def test_the_agent_is_a_capability() -> None:
    demand = demand_of("w", Requirements(agent="claude", tags=["gpu"], capabilities=["docker"]))
    assert demand == Demand("w", frozenset({"gpu"}), frozenset({"docker", "agent:claude"}))


def test_the_order_of_tags_makes_no_difference() -> None:
    one, two = Requirements(tags=["a", "b"]), Requirements(tags=["b", "a"])
    assert demand_key(demand_of(None, one)) == demand_key(demand_of(None, two))
    assert demand_key(demand_of(None, one)) != demand_key(demand_of("w", one))
    assert demand_key(Demand(tags=frozenset({"x"}))) != demand_key(Demand(capabilities=frozenset({"x"})))


def test_the_same_agent_on_the_same_repository_is_the_same_work() -> None:
    here = Requirements(agent="a", repository="r", tags=["t"])
    assert work_key(here) == work_key(Requirements(agent="a", repository="r"))
    assert work_key(here) != work_key(Requirements(agent="b", repository="r"))


def test_any_difference_in_a_body_changes_its_hash() -> None:
    def hash_of(**fields: object) -> str:
        task = NewTask.model_validate({"description": "x"} | fields)
        return body_hash(task, task.requirements.to_json().decode())

    others = [{"description": "y"}, {"priority": "low"}, {"worker_id": "w"}, {"max_attempts": 2}]
    others += [{"estimated_duration_ms": 5}, {"requirements": {"free": 1}}]
    hashes = [hash_of(), *(hash_of(**fields) for fields in others)]
    assert len(set(hashes)) == len(hashes)
    assert hash_of(idempotency_key="k") == hash_of()
    assert hash_of(requirements={"a": 1, "b": 2}) == hash_of(requirements={"b": 2, "a": 1})


def test_a_worker_is_what_it_says_unless_it_was_told_otherwise() -> None:
    def beat(**fields: object) -> Heartbeat:
        plain = {"worker_id": "w", "incarnation": "i", "sent_at": NOW, "slots_total": 1, "slots_free": 1}
        return Heartbeat.model_validate(plain | fields)

    assert status_of(beat()) is WorkerStatus.online
    assert status_of(beat(paused=True)) is WorkerStatus.paused
    assert status_of(beat(paused=True, draining=True)) is WorkerStatus.draining


def test_commands_change_what_a_worker_was_told() -> None:
    assert told_by(CommandAction.pause, None) is WorkerStatus.paused
    assert told_by(CommandAction.drain, WorkerStatus.paused) is WorkerStatus.draining
    assert told_by(CommandAction.resume, WorkerStatus.draining) is None
    assert told_by(CommandAction.update_config, WorkerStatus.paused) is WorkerStatus.paused


def test_a_pause_outlives_the_process_and_draining_does_not() -> None:
    assert told_after_restart(WorkerStatus.paused) is WorkerStatus.paused
    assert told_after_restart(WorkerStatus.draining) is None
