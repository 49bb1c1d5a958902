"""Making all projections anew from the log."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analytics_query.decisions.folding import FOLD_VERSION
from analytics_query.decisions.rebuilding import Selection, missing_in
from analytics_query.decisions.working import Working
from analytics_query.errors import LogIncomplete
from analytics_query.handlers.projecting import load, write
from analytics_query.ports import Log, Rebuild
from contracts.decided import DecidedEvent
from contracts.events import Event
from contracts.telemetry import LogMarks
from servicekit.clock import Clock

POLL_S = 1.0
TELL_S = 2.0
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How the work is divided."""

    wait_s: float = 60.0
    """How long the log may take to record what was applied."""
    write_events: int = 50_000
    """How many events are folded between two writes."""
    most_documents: int = 10_000
    most_rollups: int = 20_000


@dataclass(slots=True)
class Summary:
    """What was done."""

    events: int = 0
    decided: int = 0
    skipped: int = 0
    """In the log, but not applied yet: the projector folds them when they come to it."""
    seconds: float = 0.0
    position: int = 0
    fold_version: int = FOLD_VERSION


class Rebuilder:
    """Reads the log once and folds all of it; `tell` gets a line every now and then."""

    def __init__(self, log: Log, clock: Clock, tell: Callable[[str], None], pace: Pace | None = None) -> None:
        self._log = log
        self._clock = clock
        self._tell = tell
        self._pace = pace or Pace()
        self._working = Working()
        self._summary = Summary()
        self._since_write = 0
        self._expected = 0
        self._begun_at = self._told_at = 0.0

    async def rebuild(self, into: Rebuild) -> Summary:
        """Make the projections of exactly the batches that were applied. Raises LogIncomplete."""
        self._begun_at = self._told_at = self._clock.monotonic()
        applied, self._expected = await into.applied(), await into.events_before()
        await self._wait_for_log(applied)
        await into.empty()
        await self._read_log(into, Selection(applied))
        await write(into, self._working)
        await into.finish(FOLD_VERSION)
        self._summary.position = into.position.number
        self._summary.seconds = round(self._clock.monotonic() - self._begun_at, 3)
        return self._summary

    async def _read_log(self, into: Rebuild, selection: Selection) -> None:
        """Decisions come first: once it is known whose attempts are, nothing of theirs needs correction."""
        async for decisions in self._log.decided():
            news = [logged.event for logged in decisions if selection.has_decision(logged)]
            self._summary.decided += len(news)
            self._summary.skipped += len(decisions) - len(news)
            await self._fold(into, [], news)
        async for logged_events in self._log.events():
            events = [logged.event for logged in logged_events if selection.has_event(logged)]
            self._summary.events += len(events)
            self._summary.skipped += len(logged_events) - len(events)
            await self._fold(into, events, [])

    async def _wait_for_log(self, applied: LogMarks) -> None:
        deadline = self._clock.monotonic() + self._pace.wait_s
        while missing := missing_in(await self._log.marks(), applied):
            shown = ", ".join(f"{number} of {name}" for name, number in list(missing.items())[:SHOWN])
            if self._clock.monotonic() >= deadline:
                raise LogIncomplete(sum(missing.values()), shown, self._pace.wait_s)
            self._tell(f"waiting for the log to record {sum(missing.values())} batches: {shown}")
            await asyncio.sleep(POLL_S)

    async def _fold(self, into: Rebuild, events: Sequence[Event], news: Sequence[DecidedEvent]) -> None:
        await load(into, self._working, events, news)
        self._working.follow(news)
        self._working.fold(events)
        self._since_write += len(events) + len(news)
        if self._since_write >= self._pace.write_events:
            self._since_write = 0
            await write(into, self._working)
            self._working.trim(self._pace.most_documents, self._pace.most_rollups)
        self._tell_progress()

    def _tell_progress(self) -> None:
        now = self._clock.monotonic()
        if now - self._told_at >= TELL_S:
            self._told_at = now
            summary = self._summary
            self._tell(progress_line(summary.events, summary.decided, self._expected, now - self._begun_at))


def progress_line(events: int, decided: int, expected: int, seconds: float) -> str:
    """How far it is, how fast, and how long it will take if the log holds as many events as were projected before."""
    rate = (events + decided) / seconds if seconds else 0.0
    line = f"{events:,} of about {max(events, expected):,} events, {decided:,} decisions, {rate:,.0f}/s"
    left = max(expected - events, 0)
    return f"{line}, {left / rate:,.0f} s to go" if rate and events else line
