"""Which workspaces must go before their time."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from worker_agent.domain import AttemptKey


class Ended(NamedTuple):
    """The workspace of an attempt that has ended."""

    key: AttemptKey
    closed_at: datetime
    size_bytes: int


def crowding(ended: Iterable[Ended], budget_bytes: int) -> list[AttemptKey]:
    """Those that must go so that the rest takes no more than the budget, the oldest first; 0 is no budget."""
    by_age = sorted(ended, key=lambda one: (one.closed_at, one.key))
    excess = sum(one.size_bytes for one in by_age) - budget_bytes if budget_bytes else 0
    going: list[AttemptKey] = []
    for one in by_age:
        if excess <= 0:
            break
        going.append(one.key)
        excess -= one.size_bytes
    return going
