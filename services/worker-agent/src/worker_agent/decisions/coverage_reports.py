"""Coverage reports: Cobertura and coverage.py as XML, JaCoCo, coverage.py and istanbul as JSON, and lcov."""

import re
from math import isfinite
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from worker_agent.decisions.markup import OtherKind, scan

FIGURES = re.compile(rb"^(LF|LH|BRF|BRH):(\d{1,12})\s*$", re.MULTILINE)


class Covered(NamedTuple):
    """Lines and branches that were run, 0 to 100; None where branches were not counted."""

    line_percent: float
    branch_percent: float | None = None


def coverage_in(path: str, content: bytes) -> Covered | None:
    """What a file says; None when it is no coverage report. The name only tells which forms are tried."""
    if path.endswith(".xml"):
        return _xml(content)
    return _json(content) if path.endswith(".json") else _lcov(content)


def _xml(content: bytes) -> Covered | None:
    root = _Root()
    return root.covered if scan(content, root) else None


class _Root:
    """Both forms of XML tell the sums at the top: Cobertura in the root itself, JaCoCo in what is just below it."""

    def __init__(self) -> None:
        self._rates: dict[str, str] | None = None
        self._counters: dict[str, float | None] = {}

    @property
    def covered(self) -> Covered | None:
        if self._rates is None:
            return _covered(self._counters.get("LINE"), self._counters.get("BRANCH"))
        # With no branches at all, coverage.py and others write the rate 0 (or 1).
        has_branches = self._rates.get("branches-valid") != "0"
        return _covered(_rate(self._rates, "line-rate"), _rate(self._rates, "branch-rate") if has_branches else None)

    def start(self, tag: str, attributes: dict[str, str], depth: int) -> None:
        if depth == 1:
            if tag not in ("coverage", "report"):
                raise OtherKind(tag)
            self._rates = attributes if tag == "coverage" else None
        elif depth == 2 and tag == "counter":
            covered, missed = _number(attributes, "covered"), _number(attributes, "missed")
            self._counters[attributes.get("type", "")] = _percent(covered, (covered or 0) + (missed or 0))

    def end(self, tag: str, depth: int) -> None:
        return


class _Totals(BaseModel):
    covered_lines: int
    num_statements: int
    covered_branches: int = 0
    num_branches: int = 0


class _CoveragePy(BaseModel):
    totals: _Totals


class _Metric(BaseModel):
    total: int
    covered: int


class _Total(BaseModel):
    lines: _Metric
    branches: _Metric | None = None


class _Istanbul(BaseModel):
    total: _Total


def _json(content: bytes) -> Covered | None:
    # Validated from the text: what is not asked for never becomes an object in memory.
    try:
        totals = _CoveragePy.model_validate_json(content).totals
        branches = _percent(totals.covered_branches, totals.num_branches)
        return _covered(_percent(totals.covered_lines, totals.num_statements), branches)
    except ValidationError:
        pass
    try:
        total = _Istanbul.model_validate_json(content).total
    except ValidationError:
        return None
    branches = _percent(total.branches.covered, total.branches.total) if total.branches else None
    return _covered(_percent(total.lines.covered, total.lines.total), branches)


def _lcov(content: bytes) -> Covered | None:
    sums = {b"LF": 0, b"LH": 0, b"BRF": 0, b"BRH": 0}
    for name, figure in FIGURES.findall(content):
        sums[name] += int(figure)
    return _covered(_percent(sums[b"LH"], sums[b"LF"]), _percent(sums[b"BRH"], sums[b"BRF"]))


def _covered(line_percent: float | None, branch_percent: float | None) -> Covered | None:
    return None if line_percent is None else Covered(line_percent, branch_percent)


def _percent(part: float | None, whole: float) -> float | None:
    if part is None or whole <= 0:
        return None
    try:
        share = 100 * part / whole
    except OverflowError:
        return None
    return round(share, 2) if isfinite(share) and 0 <= share <= 100 else None


def _rate(attributes: dict[str, str], name: str) -> float | None:
    return _percent(_number(attributes, name), 1)


def _number(attributes: dict[str, str], name: str) -> float | None:
    try:
        return float(attributes[name])
    except (KeyError, ValueError):
        return None
