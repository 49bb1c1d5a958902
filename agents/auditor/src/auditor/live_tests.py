"""Follows a test run by its output, so that the manager sees it move."""

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from auditor.junit import parse_test_line
from auditor.messages import clip, progress
from auditor.reporter import Reporter
from contracts.base import Level
from contracts.events.reporting import StreamType

STEP_PERCENT = 10
FAILURES_SHOWN = 20
_BAD = frozenset({"FAILED", "ERROR"})
_GOOD = frozenset({"PASSED", "XPASS"})


@dataclass(frozen=True)
class Moment:
    """The state of a run at one line; `broken` is a test that has just failed."""

    percent: int
    run: int
    passed: int
    broken: str | None = None


class LiveTests:
    """Takes the lines of `pytest -v` and gives the moments worth telling."""

    def __init__(self) -> None:
        self._run = 0
        self._passed = 0
        self._broken = 0
        self._told_percent = 0

    def feed(self, line: str) -> Moment | None:
        """Take one line; a moment if a test failed or another tenth is done."""
        test = parse_test_line(line)
        if test is None:
            return None
        self._run += 1
        self._passed += test.outcome in _GOOD
        self._broken += test.outcome in _BAD
        if test.outcome in _BAD and self._broken <= FAILURES_SHOWN:
            return Moment(test.percent, self._run, self._passed, test.name)
        if test.percent < self._told_percent + STEP_PERCENT:
            return None
        self._told_percent = test.percent
        return Moment(test.percent, self._run, self._passed)


class TestTeller:
    """Tells the moments of a run while it goes on. `start` and `end` are the percents of the whole audit."""

    __test__ = False

    def __init__(self, reporter: Reporter, start: float, end: float) -> None:
        self._reporter = reporter
        self._start = start
        self._end = end
        self._live = LiveTests()
        self._moments: asyncio.Queue[Moment | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._tell())

    def on_line(self, line: str) -> None:
        """Take one line of output."""
        moment = self._live.feed(line)
        if moment is not None:
            self._moments.put_nowait(moment)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell what is left, unless the audit is being ended."""
        self._moments.put_nowait(None)
        if error is not None:
            self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    async def _tell(self) -> None:
        while (moment := await self._moments.get()) is not None:
            if moment.broken is not None:
                await self._reporter.stream(StreamType.testing, clip(f"Not passing: {moment.broken}"), Level.high)
                continue
            percent = round(self._start + (self._end - self._start) * moment.percent / 100, 1)
            said = f"Running tests: {moment.passed} of {moment.run} passed so far ({moment.percent}% of the suite)"
            await self._reporter.report(
                progress("testing", "testing", percent, said, tests_run=moment.run, tests_passed=moment.passed)
            )
