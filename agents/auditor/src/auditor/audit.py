"""The flow of an audit: look, plan, measure, judge, and tell the manager at every step."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from auditor import analytics, messages
from auditor.commands import Workbench
from auditor.completion import REPORT_PATH, completion, nothing_to_audit
from auditor.figures import CommandFigures, Figures
from auditor.gates import DEFAULT_GATE, Gate, judge, read_answer, read_wishes
from auditor.live_tests import TestTeller
from auditor.markdown import render
from auditor.measure import Measurement
from auditor.report_file import write_report
from auditor.reporter import Heard, Reporter
from auditor.resources import Meter
from auditor.settings import Settings
from auditor.suite import FailedAttempt, SuiteRun
from auditor.survey import Survey, survey
from contracts.base import Level
from contracts.events.planning import PlanStepUpdate, StepStatus
from contracts.events.recovery import Completion, ErrorReport, Severity
from contracts.events.reporting import Report, StreamType
from contracts.questions import AskManager

ValueT = TypeVar("ValueT")


class Audit:
    """One audit. `run` leaves the completion reported, whatever it says."""

    def __init__(
        self, settings: Settings, reporter: Reporter, bench: Workbench, meter: Meter, commands: list[CommandFigures]
    ) -> None:
        self._settings = settings
        self._reporter = reporter
        self._bench = bench
        self._meter = meter
        self._commands = commands
        self._phases_ms: dict[str, int] = {}
        self._wishes = read_wishes(settings.requirements)
        self._answer: asyncio.Task[Heard] | None = None

    async def run(self) -> Completion:
        """Do it all; the completion that was sent. What breaks the audit down is reported and raised."""
        try:
            with self._phase("initializing"):
                await self._begin()
                found = await asyncio.to_thread(survey, self._settings.project)
            ending = await (self._audit(found) if found.layout.own_files or found.layout.test_files else self._stop())
        except Exception as error:
            await self._tell(messages.breakdown_error(error, traceback.format_exc()))
            raise
        finally:
            if self._answer is not None:
                self._answer.cancel()
        self._reporter.try_harder()
        await self._tell(ending)
        return ending

    async def _begin(self) -> None:
        await self._tell(messages.progress("initializing", "initializing", 1, "Looking at the workspace"))
        if self._settings.prompt.strip():
            await self._reporter.stream(StreamType.thinking, f"The task: {messages.clip(self._settings.prompt, 2_000)}")
        for complaint in self._wishes.complaints:
            await self._tell(ErrorReport(error_type="requirement", severity=Severity.warning, message=complaint))

    async def _stop(self) -> Completion:
        ending = nothing_to_audit(self._settings.project.name)
        said = ending.summary.overview or ""
        await self._tell(ErrorReport(error_type="no_python_code", severity=Severity.error, message=said))
        await self._tell(messages.progress("finalizing", "completion", 100, said))
        return ending

    async def _audit(self, found: Survey) -> Completion:
        measurement = Measurement(found, self._bench)
        with self._phase("analysis"):
            await self._analyze(found)
        with self._phase("planning"):
            await self._plan(found)
        with self._phase("static_analysis"):
            await self._measure_code(measurement)
        await self._done("complexity", "security")
        with self._phase("testing"):
            await self._measure_tests(measurement)
        with self._phase("profiling"):
            await self._profile(measurement)
        if found.layout.test_files:
            await self._done("tests", "profile")
        with self._phase("review"):
            gate = await self._settle_gate()
        return await self._conclude(measurement, gate)

    async def _analyze(self, found: Survey) -> None:
        line = messages.project_line(found)
        await self._tell(messages.progress("analyzing", "analysis", 5, line, files_analyzed=found.project.source_files))
        await self._reporter.stream(StreamType.thinking, line)
        figures = Figures(project=found.project, dependencies=found.dependencies)
        await self._tell(analytics.dependency_analytics(figures))
        for missing in messages.unmet_dependencies(figures)[:5]:
            await self._reporter.stream(
                StreamType.thinking, f"A declared dependency is not here: {missing}", Level.high
            )
        await self._tell(
            messages.milestone("Project understood", "phase_complete", Level.low, files=found.project.source_files)
        )

    async def _plan(self, found: Survey) -> None:
        plan = messages.plan(found)
        await self._tell(messages.progress("planning", "planning", 8, "Planning the audit"))
        await self._tell(plan)
        await self._reporter.stream(StreamType.planning, " → ".join(step.description for step in plan.steps))
        if found.layout.test_files:
            await self._tell(messages.decision_on_tests(found))
        if self._wishes.gate is None:
            self._answer = asyncio.create_task(self._reporter.ask(self._question()))
            await self._reporter.stream(
                StreamType.thinking, "The requirements name no quality gate: asked the manager, going on"
            )

    def _question(self) -> AskManager:
        return messages.question_on_gate().model_copy(update={"deadline_ms": self._settings.question_deadline_ms})

    async def _measure_code(self, measurement: Measurement) -> None:
        files = measurement.survey.project.source_files
        if not files:
            return
        await self._tell(
            messages.progress("executing", "static_analysis", 12, "Measuring complexity", files_analyzed=files)
        )
        complexity = await self._watch(measurement, measurement.complexity())
        figures = measurement.figures(self._commands)
        await self._tell(analytics.code_analytics(figures))
        if complexity is not None and complexity.worst_cyclomatic:
            worst = complexity.worst_cyclomatic[0]
            said = f"Most complex function: {worst.name} in {worst.path}:{worst.line}, cyclomatic {worst.complexity}"
            await self._reporter.stream(StreamType.executing, said)
        await self._tell(
            messages.progress("executing", "static_analysis", 18, "Scanning for vulnerabilities", files_analyzed=files)
        )
        security = await self._watch(measurement, measurement.security())
        report = analytics.security_analytics(measurement.figures(self._commands))
        if security is not None and report is not None:
            await self._tell(report)
            counts = f"{security.high} high, {security.medium} medium, {security.low} low"
            await self._reporter.stream(StreamType.executing, f"bandit: {counts}")
        await self._tell(messages.milestone("Code measured", "phase_complete", Level.medium, files=files))

    async def _measure_tests(self, measurement: Measurement) -> None:
        if not measurement.survey.layout.test_files:
            await self._reporter.stream(StreamType.testing, "The project has no tests", Level.high)
            return
        await self._tell(messages.progress("testing", "testing", 22, "Starting the tests under coverage"))
        async with TestTeller(self._reporter, start=22, end=80) as teller:
            run = await self._watch(measurement, measurement.tests(teller.on_line, self._on_retry))
        await self._watch(measurement, measurement.coverage())
        if run is not None:
            await self._tell_run(measurement, run)

    async def _tell_run(self, measurement: Measurement, run: SuiteRun) -> None:
        for failed in run.given_up:
            await self._tell(messages.retry_error(failed, run.figures))
        figures = measurement.figures(self._commands)
        if figures.tests is None:
            await self._reporter.stream(StreamType.testing, "pytest found no tests", Level.high)
            return
        await self._tell(messages.test_results(measurement.survey, figures.tests, figures.coverage))
        await self._tell_each(analytics.test_analytics(figures))
        tests, percent = figures.tests, figures.coverage.percent if figures.coverage else 0.0
        broken = tests.failed + tests.errors
        said = f"{tests.passed} of {tests.total} tests passed, {broken} did not; coverage {percent:.1f}%"
        await self._reporter.stream(StreamType.output, said, Level.high)
        kind = "test_passed" if tests.green else "phase_complete"
        name = "All tests pass" if tests.green else "Tests run"
        await self._tell(messages.milestone(name, kind, Level.high, total=tests.total, passed=tests.passed))

    async def _on_retry(self, failed: FailedAttempt) -> None:
        said = f"{failed.reason}; running again {failed.next_attempt.described()}"
        await self._reporter.stream(StreamType.debugging, said, Level.high)

    async def _profile(self, measurement: Measurement) -> None:
        if measurement.figures([]).tests is None:
            return
        await self._tell(messages.progress("executing", "profiling", 84, "Profiling the slowest test"))
        profile = await self._watch(measurement, measurement.profile())
        if profile is not None:
            await self._tell(messages.profile(profile))
            await self._tell(
                messages.milestone("Slowest test profiled", "phase_complete", Level.low, ms=profile.duration_ms)
            )

    async def _settle_gate(self) -> Gate:
        gate, why = await self._choose_gate()
        gate = self._wishes.applied_to(gate)
        await self._tell(messages.decision_on_gate(gate, why))
        await self._reporter.stream(StreamType.decision, f"Quality gate: {gate.says} ({gate.demands})")
        return gate

    async def _choose_gate(self) -> tuple[Gate, str]:
        if self._wishes.gate is not None:
            return self._wishes.gate, "The task's requirements name it"
        if self._answer is None:
            return DEFAULT_GATE, "Nobody was asked"
        if not self._answer.done():
            await self._tell(messages.progress("waiting", "review", 88, "Waiting for the manager: which quality gate?"))
        heard = await self._answer
        gate = read_answer(heard.answer)
        if gate is not None:
            said = f"The manager answered: {heard.answer}" if heard.by_manager else "Nobody answered in time"
            return gate, said if heard.by_manager else f"{said}, so the default applies"
        reason = f"The answer {heard.answer[:200]!r} names no single gate" if heard.answer else "There was no answer"
        return DEFAULT_GATE, f"{reason}, so the default applies"

    async def _conclude(self, measurement: Measurement, gate: Gate) -> Completion:
        figures = measurement.figures(self._commands)
        verdicts = judge(gate, figures)
        await self._tell(messages.progress("reviewing", "review", 92, "Judging the figures by the quality gate"))
        await self._tell(analytics.quality_analytics(figures))
        await self._tell_each(*analytics.code_qualities(figures))
        await self._write_report(measurement, render(figures, gate, verdicts, self._settings.prompt))
        figures = measurement.figures(self._commands)
        usage = self._meter.usage()
        await self._tell_each(*messages.resource_usages(usage), analytics.resource_analytics(usage))
        await self._tell(analytics.performance_analytics(usage, self._phases_ms, figures))
        ending = completion(figures, gate, verdicts, self._meter.usage(), self._reporter.undelivered)
        await self._reporter.stream(StreamType.output, ending.summary.overview or "", Level.high)
        await self._tell(messages.milestone("Audit complete", "phase_complete", Level.high, report=REPORT_PATH))
        await self._done("judge")
        await self._tell(messages.progress("finalizing", "completion", 100, f"Report written to {REPORT_PATH}"))
        return ending

    async def _write_report(self, measurement: Measurement, text: str) -> None:
        await self._watch(measurement, measurement.attempt("report", asyncio.to_thread(self._write, text)))

    def _write(self, text: str) -> Path:
        return write_report(self._settings.project, text)

    async def _done(self, *steps: str) -> None:
        """Close steps of the plan: what went wrong in them has been told already."""
        for step in steps:
            await self._tell(PlanStepUpdate(step_id=step, status=StepStatus.completed))

    async def _watch(self, measurement: Measurement, work: Awaitable[ValueT]) -> ValueT:
        before = len(measurement.problems)
        result = await work
        await self._tell_each(*(messages.problem_error(problem) for problem in measurement.problems[before:]))
        return result

    async def _tell(self, report: Report) -> None:
        await self._reporter.report(report)

    async def _tell_each(self, *reports: Report | None) -> None:
        for report in reports:
            if report is not None:
                await self._reporter.report(report)

    @contextmanager
    def _phase(self, name: str) -> Generator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self._phases_ms[name] = round((time.monotonic() - started) * 1000)
