"""What the handlers need from outside: the other services, the caller's progress channel, a clock."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mcp_gateway.domain.asking import Dialogue
from mcp_gateway.domain.principals import Principal
from mcp_gateway.ports.admission import Admission, Keys, Limits, SharedBuckets, SigningKeys
from mcp_gateway.ports.auditing import AuditDecisions, AuditKeeper, AuditReader, AuditWriter, Unwritable
from mcp_gateway.ports.upstreams import (
    Analytics,
    DeadLetterQuery,
    DeadLetters,
    LiveEntry,
    Orchestrator,
    Questions,
    Telemetry,
    Upstreams,
)

__all__ = [
    "Admission",
    "Analytics",
    "AuditDecisions",
    "AuditKeeper",
    "AuditReader",
    "AuditWriter",
    "Call",
    "DeadLetterQuery",
    "DeadLetters",
    "Keys",
    "Limits",
    "Listeners",
    "LiveEntry",
    "Orchestrator",
    "Questions",
    "ReportProgress",
    "SharedBuckets",
    "SigningKeys",
    "Telemetry",
    "Unwritable",
    "Upstreams",
    "WaitLimits",
]

ReportProgress = Callable[[float, float | None, str], Awaitable[None]]
"""Tells the caller `progress`, `total` and a message; does nothing for one who did not ask."""


class Listeners(Protocol):
    """Clients that want to be told when a resource changes."""

    def changed(self, uris: Iterable[str]) -> None:
        """These may read otherwise now."""
        ...

    def all_may_have_changed(self) -> None:
        """News may have been missed."""
        ...


@dataclass(frozen=True, slots=True)
class WaitLimits:
    """How `wait` follows a task."""

    longest_ms: int
    """When it answers with what there is, though the task has not ended."""
    poll_ms: int
    """How often it asks for the task's state."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: who calls, and what the handler may use."""

    principal: Principal
    upstreams: Upstreams
    report_progress: ReportProgress
    wait: WaitLimits
    monotonic: Callable[[], float]
    """Seconds that never go back."""
    stopping: Callable[[], bool]
    """Whether the gateway was told to stop: long calls end on it."""
    now: Callable[[], datetime]
    dialogue: Dialogue | None = None
    """None: nobody can be asked at this client."""

    @property
    def actor(self) -> str:
        """What the services learn of the caller."""
        return self.principal.name
