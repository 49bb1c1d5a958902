"""Single things, to read."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from analytics_query.decisions.reports.decisions import KnownDecision
from analytics_query.decisions.reports.error_groups import Affected, KnownGroup
from contracts.base import JsonObject


class GroupsAsked(NamedTuple):
    """Groups of errors that were seen in [since, until)."""

    since: datetime
    until: datetime
    error_type: str | None = None
    severities: Sequence[str] = ()
    worker_id: str | None = None
    task_id: str | None = None


class DecisionsAsked(NamedTuple):
    """Decisions that were made in [since, until)."""

    since: datetime
    until: datetime
    task_id: str | None = None
    decision_type: str | None = None


class Reported(NamedTuple):
    """Figures of the `analytics` table."""

    analytics_type: str
    source_id: str
    data: JsonObject
    at: datetime
    evidence: str


class Disagreement(NamedTuple):
    """An attempt whose claim did not hold."""

    task_id: str
    attempt: int
    worker_id: str
    sentences: Sequence[str]


class Records(Protocol):
    """Single things, to read."""

    async def groups(self, asked: GroupsAsked, limit: int) -> list[KnownGroup]:
        """Groups of errors, those that were seen most often (ever) first."""
        ...

    async def affected(self, fingerprints: Sequence[str], position: int | None = None) -> Affected:
        """Whom these groups of errors have hit, ever; what was found at the same position is not looked up again."""
        ...

    async def decisions(
        self, asked: DecisionsAsked, after: tuple[datetime, str] | None, limit: int
    ) -> list[KnownDecision]:
        """Decisions with the outcome of their attempts, newest first; those after a place in that order."""
        ...

    async def decisions_of(self, task_ids: Sequence[str], limit: int) -> list[KnownDecision]:
        """Decisions of these tasks, in any order."""
        ...

    async def reported(
        self, source_type: str | None, sources: Sequence[str], since: datetime, until: datetime
    ) -> list[Reported]:
        """The newest figures of each type, and of each source if sources are given."""
        ...

    async def disagreements(
        self, worker_id: str | None, since: datetime, until: datetime, limit: int
    ) -> list[Disagreement]:
        """The latest attempts whose claims did not hold in [since, until), newest first."""
        ...
