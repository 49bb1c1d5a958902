"""The measurements of one project, one after the other; what fails becomes a problem and the rest goes on."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from auditor.commands import LineSink, Workbench
from auditor.complexity import measure_complexity
from auditor.coverage_report import measure_coverage
from auditor.errors import MeasurementError
from auditor.figures import (
    CommandFigures,
    ComplexityFigures,
    CoverageFigures,
    Figures,
    Problem,
    ProfileFigures,
    SecurityFigures,
)
from auditor.profiling import profile_slowest
from auditor.security import measure_security
from auditor.suite import FailedAttempt, RetrySink, SuiteRun, run_suite
from auditor.survey import Survey

ValueT = TypeVar("ValueT")


class Measurement:
    """Measures, and keeps what came of it. Each method gives its figures, or None when there are none."""

    def __init__(self, survey: Survey, bench: Workbench) -> None:
        self.survey = survey
        self.problems: list[Problem] = []
        self._bench = bench
        self._run: SuiteRun | None = None
        self._coverage: CoverageFigures | None = None
        self._complexity: ComplexityFigures | None = None
        self._security: SecurityFigures | None = None
        self._profile: ProfileFigures | None = None

    async def complexity(self) -> ComplexityFigures | None:
        """Complexity, maintainability, size."""
        self._complexity = await self.attempt("complexity", measure_complexity(self._bench, self.survey.layout))
        return self._complexity

    async def security(self) -> SecurityFigures | None:
        """Findings of bandit."""
        self._security = await self.attempt("security", measure_security(self._bench, self.survey.layout))
        return self._security

    async def tests(self, on_line: LineSink | None, on_retry: RetrySink) -> SuiteRun | None:
        """The test suite under coverage. A run without figures: the project has no tests."""
        run = run_suite(self._bench, self.survey.suite, on_line, on_retry)
        self._run = await self.attempt("tests", run)
        return self._run

    async def coverage(self) -> CoverageFigures | None:
        """Coverage of that run; None without one."""
        if self._run is not None and self._run.figures is not None:
            self._coverage = await self.attempt("coverage", measure_coverage(self._bench))
        return self._coverage

    async def profile(self) -> ProfileFigures | None:
        """The slowest test of that run under cProfile; None without one."""
        if self._run is None or self._run.figures is None:
            return None
        ran = [case for case in self._run.figures.slowest if case.outcome in ("passed", "failed")]
        if ran:
            work = profile_slowest(self._bench, self.survey.suite, ran[0], self._run.attempt)
            self._profile = await self.attempt("profile", work)
        return self._profile

    def figures(self, commands: list[CommandFigures]) -> Figures:
        """All that is known by now."""
        return Figures(
            project=self.survey.project,
            dependencies=self.survey.dependencies,
            tests=self._run.figures if self._run else None,
            coverage=self._coverage,
            complexity=self._complexity,
            security=self._security,
            profile=self._profile,
            problems=self.problems,
            commands=commands,
        )

    async def attempt(self, phase: str, work: Awaitable[ValueT]) -> ValueT | None:
        """What `work` gives; if it raises MeasurementError, a problem is kept and it is None."""
        try:
            return await work
        except MeasurementError as error:
            self.problems.append(Problem(phase=phase, code=error.code, message=str(error), output=error.output))
            return None


@asynccontextmanager
async def open_workbench(
    root: Path, timeout_s: float, on_command: Callable[[CommandFigures], None]
) -> AsyncGenerator[Workbench]:
    """A workbench whose scratch folder is gone afterwards."""
    scratch = Path(tempfile.mkdtemp(prefix="auditor-"))
    try:
        yield Workbench(root, scratch, timeout_s, on_command)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def measure_all(survey: Survey, bench: Workbench, commands: list[CommandFigures]) -> Figures:
    """Every measurement, without telling anybody."""
    measurement = Measurement(survey, bench)
    if survey.layout.own_files:
        await measurement.complexity()
        await measurement.security()
    if survey.layout.test_files:
        await measurement.tests(None, _ignore_retry)
        await measurement.coverage()
        await measurement.profile()
    return measurement.figures(commands)


async def _ignore_retry(_: FailedAttempt) -> None:
    """The retry is seen in the commands."""
