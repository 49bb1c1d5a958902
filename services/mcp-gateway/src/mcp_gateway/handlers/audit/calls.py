"""A call and its entries: one before it, where it must not be done unwritten, and one with what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.audit import AuditOutcome
from mcp_gateway.decisions.audit.describing import Caller, Made, ended, entry_of, told_again
from mcp_gateway.decisions.audit.outcomes import Came
from mcp_gateway.decisions.audit.redacting import Bounds
from mcp_gateway.domain.audit import Entry
from mcp_gateway.handlers.audit.recording import Recorder

MS_PER_S = 1_000


@dataclass(frozen=True, slots=True)
class Ongoing:
    """A call that has begun; exactly one of `end` and `leave` is called."""

    entry: Entry
    writes: bool
    """Whether it may change something: then its entry is durable before it is answered."""
    started: float
    recorder: Recorder
    bounds: Bounds
    monotonic: Callable[[], float]

    async def end(
        self,
        came: Came,
        made: Mapping[str, object] | None = None,
        *,
        about: Mapping[str, object] | None = None,
        action: str | None = None,
    ) -> None:
        """It was carried out, or refused. `made`: the answer for programs.

        `about` and `action`: its arguments and its name, where they were not known before.
        """
        entry = ended(self.entry, came, self._duration_ms(), made)
        if about is not None and action is not None:
            entry = told_again(entry, action, about, self.bounds)
        if self.writes:
            await self.recorder.keep(entry)
        else:
            self.recorder.note(entry)

    def leave(self) -> None:
        """The caller is gone, or the process ends: nobody waits any more."""
        self.recorder.note(ended(self.entry, (AuditOutcome.cancelled, None), self._duration_ms()))

    def _duration_ms(self) -> int:
        return round((self.monotonic() - self.started) * MS_PER_S)


@dataclass(frozen=True, slots=True)
class CallAudit:
    """Where the edges of the gateway tell what is called."""

    recorder: Recorder
    bounds: Bounds
    monotonic: Callable[[], float]

    async def begin(self, made: Made, caller: Caller, *, writes: bool, announced: bool = False) -> Ongoing:
        """Before a call is carried out. Raises Unavailable where it must be written down first, and cannot.

        `announced`: it may take days, so that it has begun is worth an entry of its own.
        """
        entry = entry_of(made, caller, AuditOutcome.begun, self.bounds)
        if writes and self.recorder.policy.required:
            await self.recorder.ensure(entry)
        else:
            self.recorder.check_room()
            if announced:
                self.recorder.note(entry)
        return Ongoing(entry, writes, self.monotonic(), self.recorder, self.bounds, self.monotonic)
