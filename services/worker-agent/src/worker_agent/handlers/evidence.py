"""Looking into a workspace for the reports that a run wrote: JUnit files and coverage. Nothing in them is trusted."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError

from contracts.events.recovery import ObservedCoverage, ObservedTests
from contracts.sandbox import FileEntry
from servicekit.logs import get_logger
from worker_agent.decisions.coverage_reports import coverage_in
from worker_agent.decisions.junit import counts_in
from worker_agent.decisions.observation import Found
from worker_agent.decisions.report_files import worth_reading
from worker_agent.errors import SandboxRefused, SandboxUnavailable
from worker_agent.ports import SandboxBackend

PATTERNS = ("**/*.xml", "**/coverage*.json", "**/*.info")
MOST_LISTED = 5_000
MOST_COVERAGE = 20
LONGEST_S = 30.0
CLOCK_GRAIN = timedelta(milliseconds=10)
"""A file system tells time in steps: a file may seem a little older than the run that wrote it."""

log = get_logger(__name__)


async def reports_in(workspace: str, since: datetime, sandbox: SandboxBackend) -> Found:
    """What was written since a moment. Whatever goes wrong, the attempt's end goes on with what was found so far."""
    tests: list[ObservedTests] = []
    coverage: list[ObservedCoverage] = []
    try:
        async with asyncio.timeout(LONGEST_S):
            for entry in worth_reading(await _listed(workspace, sandbox), since - CLOCK_GRAIN):
                content = await sandbox.read_file(workspace, entry.path, entry.size_bytes)
                await asyncio.to_thread(_read, entry.path, content, tests, coverage)
    except (SandboxUnavailable, SandboxRefused, TimeoutError, ValidationError) as error:
        log.warning("reports_not_read", workspace=workspace, error=str(error))
    return Found(tuple(tests), tuple(coverage[:MOST_COVERAGE]))


async def _listed(workspace: str, sandbox: SandboxBackend) -> Sequence[FileEntry]:
    return [
        entry for pattern in PATTERNS for entry in await sandbox.list_files(workspace, glob=pattern, most=MOST_LISTED)
    ]


def _read(path: str, content: bytes, tests: list[ObservedTests], coverage: list[ObservedCoverage]) -> None:
    counts = counts_in(content) if path.endswith(".xml") else None
    if counts is not None:
        tests.append(ObservedTests(path=path, counts=counts))
        return
    covered = coverage_in(path, content)
    if covered is not None:
        coverage.append(
            ObservedCoverage(path=path, line_percent=covered.line_percent, branch_percent=covered.branch_percent)
        )
