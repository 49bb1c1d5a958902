"""A process dies in the middle of a task: the task ends all the same, and once."""

import pytest

from tests.support.mews import Manager, Structure, System, manager, states_of

pytestmark = pytest.mark.timeout(300)

# Its middle lasts until the test says so.
WAITING = "echo begun; until test -e go; do sleep 0.05; done; echo ended"


async def begin(boss: Manager, description: str) -> str:
    """A task that has begun, and does not end."""
    task_id = await boss.assign(description, requirements={"agent": "command", "command": WAITING})
    await boss.until_output(task_id, "begun")
    return task_id


def release(system: System, task_id: str) -> None:
    """Let the task's agent go on to its end."""
    [tree] = (system.home / ".mews" / "workspaces").glob(f"*/{task_id}.*/tree")
    (tree / "go").touch()


async def ended_once(boss: Manager, task_id: str) -> Structure:
    report = await boss.ended(task_id)
    assert (report["state"], states_of(report)) == ("completed", ["completed"]), report.get("reason")
    # What the agent wrote is read again after a crash, but told once.
    assert await boss.output(task_id) == ["begun", "ended"]
    return report


async def completions(boss: Manager, task_id: str) -> int:
    outcomes = await boss.call("view_realtime_streams", task_id=task_id, stream_types=["outcome"])
    return len(outcomes["entries"])


async def test_a_task_ends_once_though_its_worker_is_killed_in_the_middle(system: System):
    async with manager(system) as boss:
        task_id = await begin(boss, "Survive the worker's death")
        report = await boss.call("monitor_task", task_id=task_id)
        worker = report["assigned_worker"]
        await system.until_replaced(worker, system.kill(worker))
        release(system, task_id)
        ended = await ended_once(boss, task_id)
        assert ended["assigned_worker"] == worker
        assert await completions(boss, task_id) == 1


async def test_a_task_ends_once_though_the_orchestrator_is_killed_in_the_middle(system: System):
    async with manager(system) as boss:
        task_id = await begin(boss, "Survive the orchestrator's death")
        pid = system.kill("orchestrator")
        # While nobody is there to hear it.
        release(system, task_id)
        await system.until_replaced("orchestrator", pid)
        await ended_once(boss, task_id)
        assert await completions(boss, task_id) == 1


async def test_a_task_assigned_just_before_the_orchestrator_dies_is_done(system: System):
    async with manager(system) as boss:
        task_id = await boss.assign("Be done anyway", requirements={"agent": "command", "command": "echo done"})
        await system.until_replaced("orchestrator", system.kill("orchestrator"))
        report = await boss.ended(task_id)
        assert (report["state"], states_of(report)) == ("completed", ["completed"]), report.get("reason")
        assert await boss.output(task_id) == ["done"]
