"""Roll-ups and documents, to read."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.rollups import Rollup
from analytics_query.domain.vocabulary import Dimension, Resolution
from analytics_query.ports.positions import Position


class Rollups(Protocol):
    """Roll-ups, to read."""

    async def read(
        self,
        dimension: Dimension,
        entities: Sequence[str] | None,
        since: datetime,
        until: datetime,
        resolution: Resolution | None = None,
    ) -> list[Rollup]:
        """Roll-ups that cover [since, until) without overlap, in as few as there can be: days, and hours or minutes at
        its ends, as fine as they are kept of the dimension. Both ends are moved outward to whole ones of these.

        `entities` None: all. `resolution`: none finer. In order of entity and time.
        """
        ...

    async def series(
        self,
        dimension: Dimension,
        entities: Sequence[str] | None,
        since: datetime,
        until: datetime,
        resolution: Resolution,
    ) -> list[Rollup]:
        """Roll-ups of one resolution whose buckets touch [since, until), in order of entity and time."""
        ...

    async def first(self, dimension: Dimension, entity: str) -> datetime | None:
        """Where the oldest roll-up of an entity begins, as fine as it is kept; None: there is none."""
        ...

    async def dimensions(self, entities: Sequence[str], among: Collection[Dimension]) -> dict[str, set[Dimension]]:
        """In which of these dimensions there is any roll-up of each entity; nothing of those without any."""
        ...

    async def entities(
        self, dimension: Dimension, since: datetime, until: datetime, by_metric: str, limit: int
    ) -> list[tuple[str, int]]:
        """The entities with the largest sum of a count in [since, until), largest first, with that sum."""
        ...


class Documents(Protocol):
    """Documents, to read."""

    async def task(self, task_id: str) -> TaskDocument | None:
        """What is kept of a task; None: the orchestrator has not spoken of it."""
        ...

    async def attempts(self, task_ids: Sequence[str]) -> dict[AttemptKey, AttemptDocument]:
        """What is kept of all attempts of these tasks, by key, the newest attempts first."""
        ...

    async def current_attempt(self, task_id: str) -> tuple[AttemptKey | None, AttemptDocument]:
        """A task's current attempt, and its document, empty where there is none.

        Without news of the task the newest attempt that reported anything is taken for the current one.
        """
        ...

    async def position(self) -> Position:
        """How far the projections are."""
        ...
