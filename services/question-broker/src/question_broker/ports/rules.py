"""Rules."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from contracts.rules import DryRunHit, DryRunRequest, Rule, RuleState
from question_broker.domain import Question


class RuleWrites(Protocol):
    """Rules inside one transaction."""

    async def count(self) -> int:
        """How many rules there are; until the end of the transaction nobody else makes one."""
        ...

    async def add(self, rule: Rule) -> None:
        """Add a rule."""
        ...

    async def lock(self, rule_id: str) -> Rule | None:
        """A rule, held until the end of the transaction."""
        ...

    async def save(self, rule: Rule) -> None:
        """Save a rule that has changed."""
        ...

    async def delete(self, rule_id: str) -> bool:
        """Delete a rule and its hits; what it has answered stays answered. False: there was none."""
        ...


class Rules(Protocol):
    """All rules."""

    def transaction(self) -> AbstractAsyncContextManager[RuleWrites]:
        """Everything in the block, or nothing."""
        ...

    async def page(self, state: RuleState | None, after: tuple[int, str] | None, limit: int) -> list[Rule]:
        """At most `limit` rules in their order, beyond the given (position, rule_id)."""
        ...

    async def get(self, rule_id: str) -> Rule | None:
        """One rule."""
        ...

    async def hits(
        self, rule_id: str, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[datetime, DryRunHit]]:
        """What a rule has answered or would have, newest first, beyond the given (hit_at, question_id)."""
        ...

    async def past(self, wanted: DryRunRequest) -> tuple[list[Question], dict[str, str]]:
        """Past questions, newest first, and the repositories of their tasks."""
        ...
