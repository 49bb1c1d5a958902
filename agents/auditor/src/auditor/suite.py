"""Runs the test suite under coverage: which command, what to try next, and the figures of the run."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from auditor.commands import Command, Ended, LineSink, Workbench
from auditor.errors import MeasurementError, UnreadableReportError
from auditor.figures import TestCase, TestFigures
from auditor.junit import parse_junit, parse_summary, tally
from auditor.layout import Layout
from auditor.pytest_options import PytestOptions
from auditor.reports import read_text, worst

SLOWEST = 10
UNSUCCESSFUL_LIMIT = 100
JUNIT_FILE = "junit.xml"
NO_CONFIGURATION = ("-c", "/dev/null", "--rootdir", ".")
DATA_FILE = "coverage.data"
NEVER_LOADED = frozenset({"pytest-cov", "pytest-xdist", "pytest-randomly", "pytest-random-order", "pytest-sugar"})

_OK, _TESTS_FAILED, _INTERRUPTED, _INTERNAL, _USAGE, _NO_TESTS = range(6)


@dataclass(frozen=True)
class Suite:
    """All that decides how this project's tests run."""

    layout: Layout
    options: PytestOptions
    plugins: tuple[str, ...] = ()
    """Entry points of the pytest plugins to load; no other is."""


@dataclass(frozen=True)
class Attempt:
    """How far a run departs from the project's own configuration."""

    ignore_config: bool = False
    ignore_conftest: bool = False
    go_on_after_collection_errors: bool = False

    def described(self) -> str:
        """In words."""
        said = [
            ("without the project's pytest configuration", self.ignore_config),
            ("without its conftest files", self.ignore_conftest),
            ("going on after collection errors", self.go_on_after_collection_errors),
        ]
        return ", ".join(text for text, on in said if on) or "with the project's own pytest configuration"


@dataclass(frozen=True)
class FailedAttempt:
    """A run that ended before the tests could."""

    attempt: Attempt
    reason: str
    output: str
    next_attempt: Attempt


@dataclass(frozen=True)
class SuiteRun:
    """The run that stands, and those that were given up before it. `figures` is None where there are no tests."""

    figures: TestFigures | None
    attempt: Attempt
    given_up: tuple[FailedAttempt, ...] = ()


RetrySink = Callable[[FailedAttempt], Awaitable[None]]


def next_attempt(attempt: Attempt, exit_code: int | None) -> Attempt | None:
    """What to try after pytest ended so, or None if the run stands (or nothing is left to try).

    Collection errors (2): run what can be collected. Usage and internal errors (3, 4): leave the project's
    configuration aside, and if that was not it, its conftest files too.
    """
    if exit_code == _INTERRUPTED and not attempt.go_on_after_collection_errors:
        return replace(attempt, go_on_after_collection_errors=True)
    if exit_code in (_INTERNAL, _USAGE) and not attempt.ignore_config:
        return replace(attempt, ignore_config=True)
    if exit_code in (_INTERNAL, _USAGE) and not attempt.ignore_conftest:
        return replace(attempt, ignore_conftest=True)
    return None


def why_ended(exit_code: int | None) -> str:
    """What pytest's exit code means."""
    meanings = {
        None: "did not end in time and was stopped",
        _INTERRUPTED: "could not collect all tests",
        _INTERNAL: "had an internal error",
        _USAGE: "refused its configuration or could not load a conftest file",
        _NO_TESTS: "found no tests",
    }
    return f"pytest {meanings.get(exit_code, f'ended with exit code {exit_code}')}"


def pytest_arguments(suite: Suite, attempt: Attempt) -> tuple[str, ...]:
    """The arguments of pytest that decide which tests run and how, in this attempt."""
    return (
        *("-p", "no:cacheprovider"),
        *(word for plugin in suite.plugins for word in ("-p", plugin)),
        *_configuration(suite, attempt),
        *(("--noconftest",) if attempt.ignore_conftest else ()),
        *(("--continue-on-collection-errors",) if attempt.go_on_after_collection_errors else ()),
    )


def suite_environment(suite: Suite) -> dict[str, str]:
    """Variables of a test run: only the named plugins, and the project importable as it is."""
    roots = [root for root in suite.layout.roots if root != "."]
    return {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **({"PYTHONPATH": ":".join(roots)} if roots else {})}


def suite_command(suite: Suite, attempt: Attempt) -> Command:
    """The run that is measured: pytest under coverage with branches, of the project's own code alone."""
    omit = [_coverage_pattern(name) for name in suite.layout.excluded]
    coverage = [
        *("coverage", "run", "--rcfile=/dev/null", "--branch", f"--data-file={{scratch}}/{DATA_FILE}"),
        f"--source={','.join(coverage_sources(suite.layout))}",
        *([f"--omit={','.join(omit)}"] if omit else []),
    ]
    shown = ["-v", "--color=no", "--tb=short", "-o", "console_output_style=progress"]
    pytest = ["-m", "pytest", *shown, f"--junitxml={{scratch}}/{JUNIT_FILE}"]
    argv = (sys.executable, "-m", *coverage, *pytest, *pytest_arguments(suite, attempt))
    return Command(argv, suite_environment(suite))


def coverage_sources(layout: Layout) -> list[str]:
    """What coverage calls sources: folders by path, single modules by their import name."""
    return [PurePosixPath(target).stem if target.endswith(".py") else target for target in layout.targets]


async def run_suite(bench: Workbench, suite: Suite, on_line: LineSink | None, on_retry: RetrySink) -> SuiteRun:
    """Run the tests, with fallbacks, each told to `on_retry`. Raises MeasurementError if none could be run."""
    attempt = Attempt()
    given_up: list[FailedAttempt] = []
    while True:
        (bench.scratch / JUNIT_FILE).unlink(missing_ok=True)
        command = suite_command(suite, attempt)
        ended = await bench.run(command, on_line)
        following = next_attempt(attempt, ended.exit_code)
        if following is None:
            return SuiteRun(_conclude(bench, command, attempt, ended), attempt, tuple(given_up))
        given_up.append(FailedAttempt(attempt, why_ended(ended.exit_code), ended.output, following))
        await on_retry(given_up[-1])
        attempt = following


def summarise(cases: Sequence[TestCase], ended: Ended, command: str, how: str) -> TestFigures:
    """The figures of a run that ended."""
    counts = tally(cases)
    xpassed = parse_summary(ended.output).get("xpassed", 0)
    return TestFigures(
        total=counts.total,
        passed=counts.passed - xpassed,
        failed=counts.failed,
        errors=counts.errors,
        skipped=counts.skipped,
        xfailed=counts.xfailed,
        xpassed=xpassed,
        duration_ms=ended.duration_ms,
        exit_code=ended.exit_code if ended.exit_code is not None else -1,
        slowest=worst(cases, lambda case: case.duration_ms, SLOWEST),
        unsuccessful=[case for case in cases if case.outcome in ("failed", "error")][:UNSUCCESSFUL_LIMIT],
        command=command,
        how=how,
    )


def _configuration(suite: Suite, attempt: Attempt) -> tuple[str, ...]:
    if attempt.ignore_config:
        return (*NO_CONFIGURATION, *suite.layout.test_paths)
    if suite.options.source is None:
        # Or pytest would take that of any folder above the project.
        return NO_CONFIGURATION
    kept = " ".join(_quoted(word) for word in suite.options.kept)
    return ("-o", f"addopts={kept}", "-o", "required_plugins=")


def _conclude(bench: Workbench, command: Command, attempt: Attempt, ended: Ended) -> TestFigures | None:
    if ended.exit_code == _NO_TESTS:
        return None
    if ended.exit_code not in (_OK, _TESTS_FAILED, _INTERRUPTED):
        raise MeasurementError(why_ended(ended.exit_code), output=ended.output)
    try:
        cases = parse_junit(read_text(bench.scratch / JUNIT_FILE))
    except UnreadableReportError as error:
        raise MeasurementError(f"{why_ended(ended.exit_code)}, and {error}", output=ended.output) from error
    return summarise(cases, ended, command.shown(), attempt.described())


def _coverage_pattern(name: str) -> str:
    return name if name.endswith(".py") else f"{name}/*"


def _quoted(word: str) -> str:
    return f"'{word}'" if any(mark in word for mark in ' \t"') else word
