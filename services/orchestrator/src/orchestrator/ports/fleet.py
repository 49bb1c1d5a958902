"""Whoever runs the workers: a cluster, or the supervisor of this machine."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain import FleetLook, Instance


@dataclass(frozen=True, slots=True)
class FleetTraits:
    """What a fleet is like."""

    kind: str
    prefix: str
    """Its workers are `<prefix>-<place>`."""
    ends_agents: bool
    """Whether what a worker has in hand ends with its instance."""
    drain_ms: int
    """How long a worker may finish what it has, if it is to be drained before a restart."""


class Fleet(Protocol):
    """Looks at instances of workers, ends them, and changes how many there are. Each raises FleetAway."""

    async def look(self) -> FleetLook:
        """What runs now."""
        ...

    async def end(self, instance: Instance) -> None:
        """End this very instance, so that another takes its place; nothing happens if it is gone."""
        ...

    async def scale(self, replicas: int, version: str) -> None:
        """Change how many there are. Raises FleetChanged if somebody else has since `version`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
