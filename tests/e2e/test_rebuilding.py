"""`mews rebuild`: all analytics are made anew from the log, on the running system, and come out the same."""

import pytest

from tests.support.mews import Structure, System, manager, parsed
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)


async def test_a_rebuild_on_the_running_system_gives_the_same_report(system: System):
    async with manager(system) as boss:
        requirements = {"agent": "command", "command": "echo built"}
        task_id = await boss.assign("Build something", requirements=requirements, max_attempts=1)
        await boss.ended(task_id)

        async def report() -> Structure:
            _, told = await boss.ask("performance_report", report_type="task", entity_id=task_id)
            assert told is not None
            return {"sections": told["sections"], "summary": told["summary"]}

        async def whole_report() -> Structure | None:
            told = await report()
            # The figure comes with the outcome, the word that it is completed from elsewhere.
            figures = {figure["name"] for figure in told["sections"][0]["figures"]}
            return told if "completed" in told["summary"][0] and "memory_peak_p50" in figures else None

        before = await eventually(whole_report, within=30)
        summary = parsed(system.mews("rebuild", "--json"))
        assert summary["events"] > 0
        assert summary["decided"] > 0
        assert await report() == before
