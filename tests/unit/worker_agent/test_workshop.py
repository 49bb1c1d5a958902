"""What is tried again, and how it ends."""

import asyncio

import pytest

from tests.support.waiting import PATIENCE_S
from worker_agent.handlers import workshop
from worker_agent.handlers.workshop import keep_up


async def test_a_keeper_that_fails_begins_anew_until_its_work_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "KEEPER_PAUSE_S", 0.0)
    failures = [OSError("the disk is full"), ValueError("nobody thought of this")]

    async def work() -> None:
        if failures:
            raise failures.pop()

    await asyncio.wait_for(keep_up(work, "task-1"), PATIENCE_S)
    assert failures == []
