"""Who was turned away at the door: each is told, until there are too many, and then how many more there were."""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from contracts.audit import AuditOutcome, AuditSource
from mcp_gateway.decisions.audit import describing
from mcp_gateway.decisions.audit.describing import Caller, Made
from mcp_gateway.decisions.audit.outcomes import Came
from mcp_gateway.domain.audit import Entry
from servicekit.clock import Clock

AUTHENTICATION = "authentication"


@dataclass(frozen=True, slots=True)
class TurningLimits:
    """Most entries within a window: whoever guesses credentials must not fill the log."""

    window_s: float = 60.0
    of_one_client: int = 10
    in_all: int = 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that was turned away, without what it showed."""

    method: str
    path: str
    caller: Caller


class Notes(Protocol):
    """Takes entries that nobody waits for."""

    def note(self, entry: Entry) -> None: ...  # noqa: D102


class TurnedAway:
    """Counts and tells; `tick` closes a window even if nobody comes any more."""

    def __init__(self, recorder: Notes, clock: Clock, limits: TurningLimits | None = None) -> None:
        self._recorder = recorder
        self._clock = clock
        self._limits = limits or TurningLimits()
        self._began = clock.monotonic()
        self._told: Counter[str | None] = Counter()
        self._untold = 0

    def note(self, attempt: Attempt, came: Came) -> None:
        """One request was turned away."""
        self.tick()
        full = self._told.total() >= self._limits.in_all
        client = attempt.caller.client
        if full or self._told[client] >= self._limits.of_one_client:
            self._untold += 1
            return
        self._told[client] += 1
        about = {"method": attempt.method, "path": attempt.path}
        made = Made(AuditSource.authentication, AUTHENTICATION, about, self._clock.now())
        entry = describing.entry_of(made, attempt.caller, AuditOutcome.refused)
        self._recorder.note(describing.ended(entry, came, 0))

    def tick(self) -> None:
        """Begin a new window if this one is over."""
        if self._clock.monotonic() - self._began < self._limits.window_s:
            return
        if self._untold:
            self._recorder.note(describing.suppressed(self._untold, self._limits.window_s, self._clock.now()))
        self._began, self._untold = self._clock.monotonic(), 0
        self._told.clear()
