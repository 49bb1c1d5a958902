"""What the tools have at hand beside the attempt that calls: the sandbox, the services, the commands."""

from dataclasses import dataclass

from servicekit.clock import Clock
from worker_agent.handlers.changes import Changes
from worker_agent.handlers.commands import Commands
from worker_agent.handlers.workshop import Workshop
from worker_agent.ports import Services


@dataclass(frozen=True, slots=True)
class Desk:
    """One for all attempts of this worker; `changes` tells of what commands change about the worker."""

    workshop: Workshop
    services: Services
    commands: Commands
    changes: Changes

    @property
    def clock(self) -> Clock:
        """The worker's clock."""
        return self.workshop.clock
