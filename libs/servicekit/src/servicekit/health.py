"""Readiness: named checks, asked together, each with a time limit, and cached so that probes cost little."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from servicekit.clock import Clock
from servicekit.metrics import CHECK_FAILING

Check = Callable[[], Awaitable[None]]

DEFAULT_TTL_S = 1.0
SOON_S = 0.05
"""How long a report stands that says what is missing: whoever waits for it wants to go on at once."""
DEFAULT_TIMEOUT_S = 2.0
ADVICE_TIMEOUT_S = 0.5
"""How long a check is waited for on which readiness does not depend: it must not make the answer late."""
MAX_REASON = 300


class NotReady(Exception):
    """Raised by a check to say in one sentence what is missing."""


def once(check: Check) -> Check:
    """`check` until it has passed; from then on a check that passes, since what it asks for can only go away."""
    passed = False

    async def latched() -> None:
        nonlocal passed
        if not passed:
            await check()
            passed = True

    return latched


@dataclass(frozen=True, slots=True)
class Report:
    """The answer of every check: None, or the reason why not."""

    checks: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    advisory: frozenset[str] = frozenset()
    """Those that are only shown."""

    @property
    def ready(self) -> bool:
        """Whether no check that must pass has a reason against it."""
        return not any(reason for name, reason in self.checks.items() if name not in self.advisory)


class Readiness:
    """Checks may be added while the service starts. A check returns None or raises; its message is the reason."""

    def __init__(self, clock: Clock, ttl_s: float = DEFAULT_TTL_S, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._timeout_s = timeout_s
        self._checks: dict[str, Check] = {}
        self._advisory: frozenset[str] = frozenset()
        self._asked: dict[str, asyncio.Future[None]] = {}
        self._report = Report()
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    def add(self, name: str, check: Check, *, advisory: bool = False) -> None:
        """Ask `check` from now on, under a name that is not taken yet.

        What an advisory one says is shown, and the service is ready all the same: what it asks for costs speed alone.
        """
        if name in self._checks:
            raise ValueError(f"there is already a readiness check called {name!r}")
        self._checks[name] = check
        self._advisory |= {name} if advisory else frozenset()
        self._asked_at = float("-inf")

    async def report(self) -> Report:
        """What all checks say now, or said within the last `ttl_s` seconds; what is missing is soon asked for again."""
        async with self._asking:
            stands_s = self._ttl_s if self._report.ready else min(SOON_S, self._ttl_s)
            if self._clock.monotonic() - self._asked_at >= stands_s:
                asked_at = self._clock.monotonic()
                reasons = await asyncio.gather(*(self._ask(name) for name in self._checks))
                self._report = Report(dict(zip(self._checks, reasons, strict=True)), self._advisory)
                _show(self._report)
                self._asked_at = asked_at
            return self._report

    async def _ask(self, name: str) -> str | None:
        # One that hangs is cancelled but not waited for, since the end of a hanging connection may hang as well.
        asked = self._asked.pop(name, None) or asyncio.ensure_future(self._checks[name]())
        within_s = min(self._timeout_s, ADVICE_TIMEOUT_S) if name in self._advisory else self._timeout_s
        await asyncio.wait({asked}, timeout=within_s)
        if not asked.done():
            asked.cancel()
            self._asked[name] = asked
        if not asked.done() or asked.cancelled():
            return f"no answer within {within_s:g} s"
        error = asked.exception()
        return None if error is None else (str(error) or type(error).__name__)[:MAX_REASON]


def _show(report: Report) -> None:
    # The metric says what keeps a service from being ready.
    for name in report.checks.keys() - report.advisory:
        CHECK_FAILING.labels(name).set(report.checks[name] is not None)
