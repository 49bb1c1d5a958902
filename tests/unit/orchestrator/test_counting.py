"""What the orchestrator counts of attempts, and what it shows while it leads and no longer."""

from datetime import timedelta
from typing import Any, cast

from contracts.events.recovery import Outcome
from orchestrator.handlers.figures import Figures
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.outcomes import count_outcomes
from orchestrator.ports import Backlog
from servicekit.leader import Leadership
from tests.support.examples import NOW
from tests.support.fakes import FakeClock
from tests.support.samples import Counted, sample

SEEN = {"agent": "claude", "model": "counted-model", "tokens_input": 100, "tokens_output": 20, "tokens_cached": 60}
CLAIM = {"status": "completed"}


def outcome(**more: Any) -> Outcome:
    fields = {"status": "completed", "started_at": NOW, "ended_at": NOW + timedelta(seconds=7)}
    return Outcome.model_validate(fields | more)


def test_tokens_and_cost_are_counted_by_agent_and_model() -> None:
    counted = Counted()
    count_outcomes([outcome(observed=SEEN | {"cost_usd": 0.5}), outcome(observed=SEEN | {"cost_usd": 0.25})])
    of_it = {"agent": "claude", "model": "counted-model"}
    kinds = ("input", "output", "cached")
    assert [counted("mews_tokens_total", **of_it, kind=kind) for kind in kinds] == [200, 40, 120]
    assert counted("mews_cost_usd_total", **of_it) == 0.75


def test_an_attempt_without_a_model_costs_nothing_and_counts_all_the_same() -> None:
    counted = Counted()
    count_outcomes([outcome(status="failed", observed={"agent": "command"}), outcome(status="refused")])
    assert counted("mews_outcomes_total", agent="command", claimed="none", verified="none") == 1
    assert counted("mews_outcomes_total", agent="none", claimed="none", verified="none") == 1
    assert counted("mews_attempt_seconds_sum", status="failed") == 7
    assert sample("mews_cost_usd_total", agent="command", model="none") is None


def test_what_was_claimed_is_counted_beside_what_was_verified() -> None:
    counted = Counted()
    failed = {"passed": False, "commands": []}
    count_outcomes(
        [outcome(claimed=CLAIM, verified=failed, observed={"agent": "codex"}, discrepancies=["it says 3 tests"])]
    )
    assert counted("mews_outcomes_total", agent="codex", claimed="completed", verified="failed") == 1
    assert counted("mews_claims_disagreed_total", agent="codex") == 1


def test_a_clock_that_was_put_back_gives_no_negative_time() -> None:
    counted = Counted()
    count_outcomes([outcome(ended_at=NOW - timedelta(hours=1))])
    assert counted("mews_attempt_seconds_sum", status="completed") == 0


class OneBacklog:
    async def backlog(self, now: object) -> Backlog:
        del now
        return Backlog({"queued": 3, "running": 1}, 42.0, 2, 8, 1)

    async def live_attempts(self) -> list[Any]:
        return []

    async def experience(self, since: object) -> list[Any]:
        del since
        return []

    async def fleet(self, since: object) -> list[Any]:
        del since
        return []


async def test_only_who_leads_shows_the_fleet_and_whose_reign_is_over_shows_nothing() -> None:
    clock = FakeClock()
    leader = Leader(cast(Any, OneBacklog()), clock, 30_000, 15_000)
    figures = Figures(cast(Any, OneBacklog()), leader, clock)
    await figures.tick()
    assert sample("mews_tasks", state="queued") is None
    await leader.reign(Leadership(1, clock.monotonic() + 60))
    await figures.tick()
    shown = [
        sample("mews_tasks", state="queued"),
        sample("mews_tasks_queue_oldest_seconds"),
        sample("mews_slots", state="used"),
    ]
    assert shown == [3, 42, 1]
    assert (sample("mews_tasks_in_quarantine"), sample("mews_workers", status="online")) == (2, 0)
    clock.advance(61)
    await figures.tick()
    assert (sample("mews_tasks", state="queued"), sample("mews_orchestrator_leads")) == (None, 0)
    assert sample("mews_tasks_queue_oldest_seconds") == 0
