"""The event log, from which the projections can be made anew."""

from collections.abc import AsyncGenerator
from typing import Protocol

from contracts.telemetry import LoggedDecision, LoggedEvent, LogMarks


class Log(Protocol):
    """The event log, as telemetry-ingest shows it."""

    async def marks(self) -> LogMarks:
        """Which batches are in the log: who asks first and reads then finds all of them."""
        ...

    def events(self) -> AsyncGenerator[list[LoggedEvent]]:
        """All that workers reported and asked, some at a time."""
        ...

    def decided(self) -> AsyncGenerator[list[LoggedDecision]]:
        """All that services decided, some at a time."""
        ...
