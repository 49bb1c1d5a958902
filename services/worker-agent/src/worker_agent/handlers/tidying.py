"""Workspaces that nobody needs: of attempts that ended when room is short, and of attempts that nobody knows."""

from collections.abc import Collection, Sequence
from datetime import datetime

from prometheus_client import Counter

from servicekit.logs import get_logger
from servicekit.metrics import REGISTRY
from worker_agent.decisions.tidying import Ended, crowding
from worker_agent.errors import SandboxRefused, SandboxUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.verification import workspace_of
from worker_agent.handlers.workshop import Workshop

REMOVED = Counter("mews_workspaces_removed", "Workspaces that were removed.", ["why"], registry=REGISTRY)

log = get_logger(__name__)


class Tidying:
    """Removes workspaces. A sandbox that is away is asked again at the next time."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._sizes: dict[str, int] = {}

    async def remove(self, attempt: Attempt, why: str) -> None:
        """Remove the workspaces of an attempt that has ended."""
        try:
            for name in (attempt.key.workspace, workspace_of(attempt.key)):
                await self._workshop.sandbox.remove_workspace(name)
        except (SandboxUnavailable, SandboxRefused) as error:
            log.info("workspace_not_removed", task_id=attempt.key.task_id, error=error.detail)
            return
        self._sizes.pop(attempt.key.workspace, None)
        REMOVED.labels(why).inc()
        await attempt.update(cleaned=True)

    async def keep_within(self, budget_bytes: int, ended: Sequence[Attempt]) -> None:
        """Remove the oldest of these attempts' workspaces until the rest takes no more than so many bytes; 0: any."""
        if not budget_bytes:
            return
        found = [Ended(one.key, one.record.closed_at, await self._size(one)) for one in ended if one.record.closed_at]
        going = set(crowding(found, budget_bytes))
        for attempt in ended:
            if attempt.key in going:
                log.info("workspace_over_budget", task_id=attempt.key.task_id, budget_bytes=budget_bytes)
                await self.remove(attempt, "budget")

    async def remove_abandoned(self, known: Collection[str], made_before: datetime) -> None:
        """Remove workspaces of attempts that nobody here knows: their journal was lost."""
        sandbox = self._workshop.sandbox
        try:
            for name in set(await sandbox.workspace_names()) - set(known):
                workspace = await sandbox.find_workspace(name)
                if workspace is not None and workspace.created_at < made_before:
                    await sandbox.remove_workspace(name)
                    REMOVED.labels("abandoned").inc()
                    log.warning("workspace_abandoned", workspace=name, created_at=workspace.created_at.isoformat())
        except (SandboxUnavailable, SandboxRefused) as error:
            log.info("workspaces_not_listed", error=error.detail)

    async def _size(self, attempt: Attempt) -> int:
        """What its workspace takes: it no longer grows, so it is measured once."""
        name = attempt.key.workspace
        if name not in self._sizes:
            try:
                found = await self._workshop.sandbox.find_workspace(name)
            except (SandboxUnavailable, SandboxRefused):
                return 0
            self._sizes[name] = found.size_bytes if found else 0
        return self._sizes[name]
