"""What a tool is made of, and what one call of it carries."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp.server import ServerRequestContext
from mcp.types import CallToolResult
from pydantic import BaseModel

from contracts import subjects
from contracts.events.reporting import Report
from contracts.rpc import RPCS
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.desk import Desk
from worker_agent.handlers.waiting import Waiting
from worker_agent.mcp.results import ReportResult

Context = ServerRequestContext[Any, Any]
WORKER, TASK = "<worker>", "<task>"
"""In a subject that is shown: for their ids."""

Act = Callable[["Call"], Awaitable[CallToolResult]]


@dataclass(frozen=True)
class ToolSpec:
    """A tool: the contract of its input, the kind of event it becomes, what it is for, what it does.

    `says` is the sentence for a report that is recorded. `core` names the parameters that the core profile lists, with
    dots for those of nested objects; None: it is not of that profile. `asks` is a subject beside the event's own.
    """

    name: str
    body: type[Report]
    kind: str
    description: str
    act: Act
    says: str = ""
    result: type[BaseModel] = ReportResult
    core: tuple[str, ...] | None = None
    asks: str = ""
    reads: bool = False
    """Whether it changes nothing."""
    repeats: bool = False
    """Whether a repeat changes nothing more."""
    ends: bool = False
    """Whether it ends something."""

    @property
    def subject(self) -> str:
        """Where its event goes."""
        return subjects.for_event(self.kind, WORKER, TASK)

    @property
    def asked(self) -> str:
        """Whom it asks beside that: an RPC or another subject; empty for one that only reports."""
        rpc = RPCS.get(self.name)
        return subjects.rpc(rpc.service, self.name, WORKER) if rpc is not None else self.asks


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: whose it is, and its input, which is valid."""

    ctx: Context
    attempt: Attempt
    tool: ToolSpec
    body: Any
    desk: Desk

    def waiting(self, on_what: str) -> Waiting:
        """For a call that takes long: its client hears that it goes on."""

        async def tick(waited_s: float, total_s: float) -> None:
            await self.ctx.session.report_progress(waited_s, total_s, f"waiting for {on_what}")

        return Waiting(tick, self.attempt.reporter, self.desk.clock)
