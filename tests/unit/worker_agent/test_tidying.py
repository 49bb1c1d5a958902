from datetime import UTC, datetime, timedelta

from worker_agent.decisions.tidying import Ended, crowding
from worker_agent.domain import AttemptKey

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def ended(task_id: str, age_s: int, size: int) -> Ended:
    return Ended(AttemptKey(task_id, 1), NOW - timedelta(seconds=age_s), size)


ALL = [ended("middle", 20, 30), ended("oldest", 30, 30), ended("newest", 10, 30)]


def going(budget: int) -> list[str]:
    return [key.task_id for key in crowding(ALL, budget)]


def test_the_oldest_go_first_and_no_more_than_must() -> None:
    assert going(90) == []
    assert going(89) == ["oldest"]
    assert going(59) == ["oldest", "middle"]
    assert going(1) == ["oldest", "middle", "newest"]


def test_without_a_budget_nothing_goes() -> None:
    assert going(0) == []
