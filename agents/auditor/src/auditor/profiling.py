"""Where the slowest test spends its time."""

import shutil
import sys
from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from auditor import profile_plugin
from auditor.commands import Command, Workbench
from auditor.errors import MeasurementError, UnreadableReportError
from auditor.figures import HotspotFigures, ProfileFigures, TestCase
from auditor.reports import parse_json, read_text
from auditor.suite import Attempt, Suite, pytest_arguments, suite_environment

HOTSPOTS = 10
REPORT_FILE = "profile.json"
PLUGIN = "mews_auditor_profile"


class _Row(BaseModel):
    path: str
    line: int
    function: str
    calls: int
    self_s: float
    total_s: float


class _Report(BaseModel):
    calls: int
    seconds: float
    functions: list[_Row]


_REPORT = TypeAdapter(_Report)


def node_id(case: TestCase, files: Collection[str]) -> str | None:
    """The id by which pytest finds a test again, or None if its file is not among `files`."""
    parts = case.classname.split(".")
    for end in range(len(parts), 0, -1):
        name = "/".join(parts[:end]) + ".py"
        if name in files:
            return "::".join([name, *parts[end:], case.name])
    return None


def profile_command(suite: Suite, attempt: Attempt, node: str) -> Command:
    """One test under cProfile, without coverage."""
    paths = frozenset(suite.layout.test_paths)
    arguments = [word for word in pytest_arguments(suite, attempt) if word not in paths]
    argv = (sys.executable, "-m", "pytest", "-q", "--color=no", "-p", PLUGIN, *arguments, node)
    environment = suite_environment(suite)
    path = ":".join(filter(None, ["{scratch}", environment.get("PYTHONPATH")]))
    report = {profile_plugin.FILE_VARIABLE: f"{{scratch}}/{REPORT_FILE}"}
    return Command(argv, {**environment, "PYTHONPATH": path, **report})


def parse_profile(text: str, test: str, root: Path) -> ProfileFigures:
    """The figures of what the plugin wrote. Raises UnreadableReportError."""
    report = parse_json(text, _REPORT)
    rows = [row for row in report.functions if "_lsprof.Profiler" not in row.function]
    return ProfileFigures(
        test=test,
        duration_ms=round(report.seconds * 1000, 3),
        calls=report.calls,
        hotspots=[_hotspot(row, root) for row in rows[:HOTSPOTS]],
    )


async def profile_slowest(bench: Workbench, suite: Suite, slowest: TestCase, attempt: Attempt) -> ProfileFigures:
    """Run the slowest test again under cProfile. Raises MeasurementError."""
    node = node_id(slowest, frozenset(suite.layout.test_files) | frozenset(suite.layout.own_files))
    if node is None:
        raise MeasurementError(f"the file of {slowest.label} was not found, so it cannot be run alone")
    # By a name of its own: the project may have a module that is called like the auditor.
    shutil.copyfile(profile_plugin.__file__, bench.scratch / f"{PLUGIN}.py")
    ended = await bench.run(profile_command(suite, attempt, node))
    try:
        return parse_profile(read_text(bench.scratch / REPORT_FILE), node, bench.root)
    except UnreadableReportError as error:
        raise MeasurementError(f"{node} could not be run alone: {error}", output=ended.output) from error


def _hotspot(row: _Row, root: Path) -> HotspotFigures:
    path = Path(row.path)
    own = path.is_relative_to(root)
    return HotspotFigures(
        function=row.function,
        path=str(path.relative_to(root)) if own else "/".join(path.parts[-2:]),
        line=row.line,
        calls=row.calls,
        self_ms=round(row.self_s * 1000, 3),
        total_ms=round(row.total_s * 1000, 3),
        own=own,
    )
