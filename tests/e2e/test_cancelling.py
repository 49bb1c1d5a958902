"""A cancelled task leaves nothing running."""

import secrets

import pytest

from tests.support.mews import END_WITHIN_S, System, manager, processes_about, states_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)


async def test_cancelling_a_task_ends_its_agent_and_all_that_the_agent_started(system: System):
    # Found again by how long they sleep, which nobody else does.
    nap = f"{secrets.randbelow(900_000) + 100_000}.5"
    # One child in the background, and one that has left the agent's session.
    command = f"sleep {nap} & setsid sleep {nap} & echo begun; sleep {nap}"
    async with manager(system) as boss:
        task_id = await boss.assign("Sleep", requirements={"agent": "command", "command": command})
        await boss.until_output(task_id, "begun")
        await eventually(lambda: len(processes_about(f"sleep\0{nap}")) == 3)

        cancelled = await boss.call("cancel_task", task_id=task_id, reason="no longer needed")
        assert cancelled["status"] == "cancelled"
        await eventually(lambda: not processes_about(nap), END_WITHIN_S)
        report = await boss.ended(task_id)

    assert (report["state"], states_of(report)) == ("cancelled", ["cancelled"])
    assert "no longer needed" in report["reason"]
