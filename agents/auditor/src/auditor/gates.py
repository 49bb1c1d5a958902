"""Quality gates: which one applies, and whether the figures pass it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from auditor.figures import Figures, SecurityFigures


@dataclass(frozen=True)
class Gate:
    """What a project must reach; None is not required."""

    name: str
    says: str
    coverage_percent: float | None = None
    max_cyclomatic: int | None = None
    severities: tuple[str, ...] = ()
    """Severities of which no finding may be there."""
    tests_pass: bool = False

    @property
    def demands(self) -> str:
        """The whole gate in one line."""
        wanted = [
            "all tests pass" if self.tests_pass else "",
            f"coverage at least {self.coverage_percent:g}%" if self.coverage_percent is not None else "",
            f"no function above cyclomatic complexity {self.max_cyclomatic}" if self.max_cyclomatic else "",
            f"no security finding of severity {' or '.join(self.severities)}" if self.severities else "",
        ]
        return ", ".join(each for each in wanted if each) or "nothing is required"


STRICT = Gate("strict", "strict", 90.0, 15, ("HIGH", "MEDIUM"), tests_pass=True)
STANDARD = Gate("standard", "standard", 80.0, 30, ("HIGH",), tests_pass=True)
REPORT_ONLY = Gate("report-only", "report only")
GATES: Mapping[str, Gate] = {gate.name: gate for gate in (STRICT, STANDARD, REPORT_ONLY)}
DEFAULT_GATE = STANDARD


@dataclass(frozen=True)
class Wishes:
    """What the task's requirements say about the gate. `gate` None: the manager must be asked."""

    gate: Gate | None = None
    max_cyclomatic: int | None = None
    complaints: tuple[str, ...] = ()
    """Requirements that cannot be understood."""

    def applied_to(self, gate: Gate) -> Gate:
        """A gate with the limits that the requirements set themselves."""
        return gate if self.max_cyclomatic is None else replace(gate, max_cyclomatic=self.max_cyclomatic)


@dataclass(frozen=True)
class Verdict:
    """One demand of a gate and whether it is met."""

    text: str
    met: bool


def read_wishes(requirements: Mapping[str, Any]) -> Wishes:
    """The gate that the requirements name: `quality_gate`, `test_coverage_target`, `max_complexity`."""
    complaints: list[str] = []
    target = _number(requirements, "test_coverage_target", 0, 100, complaints)
    limit = _number(requirements, "max_complexity", 1, 1_000, complaints)
    named = _named(requirements.get("quality_gate"), complaints)
    gate = named or (DEFAULT_GATE if target is not None else None)
    if gate is not None and target is not None:
        gate = replace(gate, coverage_percent=target, says=f"{gate.says} with coverage {target:g}%")
    return Wishes(gate, int(limit) if limit is not None else None, tuple(complaints))


def read_answer(answer: str | None) -> Gate | None:
    """The gate that an answer names, alone or in a sentence; None if it names none or more than one."""
    text = (answer or "").lower().replace("_", "-").replace("report only", "report-only")
    if text.strip() in GATES:
        return GATES[text.strip()]
    named = [gate for name, gate in GATES.items() if name in text]
    return named[0] if len(named) == 1 else None


def judge(gate: Gate, figures: Figures) -> list[Verdict]:
    """Every demand of the gate, met or missed. What could not be measured is missed."""
    verdicts: list[Verdict] = []
    if gate.tests_pass:
        verdicts.append(_judge_tests(figures))
    if gate.coverage_percent is not None:
        verdicts.append(_judge_coverage(gate.coverage_percent, figures))
    if gate.max_cyclomatic is not None:
        verdicts.append(_judge_complexity(gate.max_cyclomatic, figures))
    if gate.severities:
        verdicts.append(_judge_security(gate.severities, figures.security))
    return verdicts


def _judge_tests(figures: Figures) -> Verdict:
    tests = figures.tests
    if tests is None:
        return Verdict("All tests pass: there is no test run to judge by", met=False)
    counts = f"{tests.passed} passed, {tests.failed} failed, {tests.errors} errors, {tests.skipped} skipped"
    return Verdict(f"All tests pass: {counts}", tests.green)


def _judge_coverage(target: float, figures: Figures) -> Verdict:
    wanted = f"Coverage of at least {target:g}%"
    if figures.coverage is None:
        return Verdict(f"{wanted}: not measured", met=False)
    return Verdict(f"{wanted}: {figures.coverage.percent:.2f}%", figures.coverage.percent >= target)


def _judge_complexity(limit: int, figures: Figures) -> Verdict:
    wanted = f"No function above cyclomatic complexity {limit}"
    if figures.complexity is None:
        return Verdict(f"{wanted}: not measured", met=False)
    highest = figures.complexity.cyclomatic_max
    return Verdict(f"{wanted}: the highest is {highest}", highest <= limit)


def _judge_security(severities: tuple[str, ...], security: SecurityFigures | None) -> Verdict:
    wanted = f"No security finding of severity {' or '.join(severities)}"
    if security is None:
        return Verdict(f"{wanted}: not measured", met=False)
    counts = {"HIGH": security.high, "MEDIUM": security.medium, "LOW": security.low}
    found = sum(counts[severity] for severity in severities)
    return Verdict(f"{wanted}: {found or 'none'} found", found == 0)


def _named(value: object, complaints: list[str]) -> Gate | None:
    if isinstance(value, str) and value in GATES:
        return GATES[value]
    if value is not None:
        complaints.append(f"quality_gate must be one of {', '.join(GATES)}, not {str(value)[:80]!r}")
    return None


def _number(requirements: Mapping[str, Any], name: str, low: float, high: float, complaints: list[str]) -> float | None:
    value = requirements.get(name)
    if value is None:
        return None
    try:
        number = float(str(value).strip().removesuffix("%")) if not isinstance(value, bool) else float("nan")
    except ValueError:
        number = float("nan")
    if low <= number <= high:
        return number
    complaints.append(f"{name} must be a number from {low:g} to {high:g}, not {str(value)[:80]!r}")
    return None
