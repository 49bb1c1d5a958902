"""The audit as a document in Markdown. Pure."""

from collections.abc import Iterable, Sequence

from auditor.analytics import recommendations
from auditor.completion import overview
from auditor.figures import Figures
from auditor.gates import Gate, Verdict

_SHOWN = 10


def render(figures: Figures, gate: Gate, verdicts: Sequence[Verdict], prompt: str) -> str:
    """The whole document."""
    sections = [
        [f"# Audit of {figures.project.name}", "", overview(figures, gate, list(verdicts))],
        ["", "Task: " + _one_line(prompt)] if prompt.strip() else [],
        _gate_section(gate, verdicts),
        _tests_section(figures),
        _coverage_section(figures),
        _complexity_section(figures),
        _security_section(figures),
        _dependency_section(figures),
        _profile_section(figures),
        _list_section("Recommendations", recommendations(figures)),
        _list_section("Not measured", [f"{one.phase}: {one.message}" for one in figures.problems]),
        _command_section(figures),
    ]
    return "\n".join(line for section in sections for line in section) + "\n"


def _gate_section(gate: Gate, verdicts: Sequence[Verdict]) -> list[str]:
    lines = [f"- [{'x' if one.met else ' '}] {one.text}" for one in verdicts]
    return ["", f"## Quality gate: {gate.says}", "", f"Demands: {gate.demands}.", "", *lines]


def _tests_section(figures: Figures) -> list[str]:
    tests = figures.tests
    if tests is None:
        return ["", "## Tests", "", "There is no test run."]
    counts = [tests.total, tests.passed, tests.failed, tests.errors, tests.skipped, tests.xfailed, tests.xpassed]
    slowest = [(case.label, f"{case.duration_ms:.0f}") for case in tests.slowest[:_SHOWN]]
    broken = [(case.label, case.outcome, _one_line(case.message or "")) for case in tests.unsuccessful[:30]]
    return [
        *("", "## Tests", "", f"Run {tests.how}, in {tests.duration_ms / 1000:.1f} s.", ""),
        *_table(("total", "passed", "failed", "errors", "skipped", "xfailed", "xpassed"), [counts]),
        *(["", "Not passing:", "", *_table(("test", "outcome", "message"), broken)] if broken else []),
        *("", "Slowest:", "", *_table(("test", "ms"), slowest)),
    ]


def _coverage_section(figures: Figures) -> list[str]:
    coverage = figures.coverage
    if coverage is None:
        return ["", "## Coverage", "", "Not measured."]
    branch = f", branches {coverage.branch_percent:.2f}%" if coverage.branch_percent is not None else ""
    rows = [(one.path, one.statements, one.missing, f"{one.percent:.1f}") for one in coverage.files]
    return [
        *("", "## Coverage", ""),
        f"Total {coverage.percent:.2f}% (lines {coverage.line_percent:.2f}%{branch}), tests excluded.",
        *("", *_table(("file", "statements", "missing", "percent"), sorted(rows, key=lambda row: -int(row[2]))[:30])),
    ]


def _complexity_section(figures: Figures) -> list[str]:
    found = figures.complexity
    if found is None:
        return ["", "## Complexity and maintainability", "", "Not measured."]
    worst = [(one.name, f"{one.path}:{one.line}", one.complexity, one.rank) for one in found.worst_cyclomatic]
    cognitive = [(one.name, one.path, one.complexity) for one in found.worst_cognitive]
    return [
        *("", "## Complexity and maintainability", ""),
        f"- Cyclomatic: mean {found.cyclomatic_mean:.2f} over {found.blocks} blocks, highest {found.cyclomatic_max}",
        f"- Cognitive: {found.cognitive_total} in all, highest {found.cognitive_max}",
        f"- Maintainability index: mean {found.maintainability_mean:.2f}, lowest {found.maintainability_min:.2f}",
        f"- Size: {found.loc} lines, {found.sloc} of source, {found.lloc} logical, {found.comments} of comments",
        *("", *_table(("function", "place", "cyclomatic", "rank"), worst)),
        *("", *_table(("function", "file", "cognitive"), cognitive)),
    ]


def _security_section(figures: Figures) -> list[str]:
    found = figures.security
    if found is None:
        return ["", "## Security", "", "Not measured."]
    rows = [(one.severity, one.rule, f"{one.path}:{one.line}", _one_line(one.message)) for one in found.findings[:30]]
    counts = f"{found.high} high, {found.medium} medium, {found.low} low, in {found.lines_scanned} lines of code."
    return [
        "",
        "## Security",
        "",
        counts,
        "",
        *(_table(("severity", "rule", "place", "message"), rows) if rows else []),
    ]


def _dependency_section(figures: Figures) -> list[str]:
    rows = [(one.name, one.specifier, one.group, one.installed or "-") for one in figures.dependencies.declared[:60]]
    body = _table(("name", "specifier", "group", "installed here"), rows) if rows else ["None declared."]
    return ["", "## Dependencies", "", *body]


def _profile_section(figures: Figures) -> list[str]:
    profile = figures.profile
    if profile is None:
        return []
    rows = [(one.function, f"{one.path}:{one.line}", one.calls, one.self_ms, one.total_ms) for one in profile.hotspots]
    said = f"`{profile.test}`: {profile.duration_ms:.0f} ms under cProfile, {profile.calls} calls."
    table = _table(("function", "place", "calls", "own ms", "total ms"), rows)
    return ["", "## Profile of the slowest test", "", said, "", *table]


def _command_section(figures: Figures) -> list[str]:
    lines = [f"{one.command}  # {one.duration_ms} ms, exit code {one.exit_code}" for one in figures.commands]
    return ["", "## By hand", "", "OUT is any folder outside the project.", "", "```sh", *lines, "```"]


def _list_section(title: str, items: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", *(f"- {_one_line(item)}" for item in items)] if items else []


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    body = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body]


def _cell(value: object) -> str:
    return _one_line("-" if value is None else str(value)).replace("|", "\\|")


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:299] + "…"
