from typing import Any

import numpy as np
import pytest

from analytics_query.decisions.folding import quality
from contracts.events import EventBase
from tests.support.folding import folded, reported

NAMES = {
    "cyclomatic": "cyclomatic_complexity",
    "max_cyclomatic": "max_cyclomatic_complexity",
    "cognitive": "cognitive_complexity",
    "maintainability": "maintainability_index",
    "duplication": "duplication_percent",
    "lines_of_code": "lines_of_code",
}


def of_file(seq: int, path: str, issues: tuple[str, ...] = (), **metrics: float) -> EventBase:
    told = [{"message": "m", "severity": level} for level in issues]
    return reported("quality", seq, {"file_path": path, "metrics": metrics, "issues": told})


def files(many: int, seed: int = 1) -> tuple[list[EventBase], np.ndarray[Any, Any]]:
    figures = np.random.default_rng(seed).integers(1, 100, (many, len(NAMES)))
    rows = [dict(zip(NAMES.values(), row.tolist(), strict=True)) for row in figures]
    return [of_file(seq, f"src/{seq}.py", **row) for seq, row in enumerate(rows, 1)], figures


def test_without_a_report_of_the_project_its_files_speak_for_it() -> None:
    events, figures = files(60)
    result = folded(*events)
    told = {metric: result.last(f"{metric}@reported") for metric in NAMES}
    means, sums, largest = figures.mean(axis=0), figures.sum(axis=0), figures.max(axis=0)
    expected = [means[0], largest[1], sums[2], means[3], means[4], sums[5]]
    assert told == pytest.approx(dict(zip(NAMES, expected, strict=True)))
    assert result.spread("cyclomatic@reported").mean == pytest.approx(means[0], abs=1e-6)


def test_of_a_file_the_newest_report_counts() -> None:
    result = folded(of_file(2, "a.py", cyclomatic_complexity=4), of_file(1, "a.py", cyclomatic_complexity=9))
    assert result.last("cyclomatic@reported") == 4


def test_a_report_of_the_whole_project_goes_before_its_files() -> None:
    whole = of_file(1, ".", cyclomatic_complexity=3, cognitive_complexity=50)
    result = folded(whole, of_file(2, "a.py", cyclomatic_complexity=9, maintainability_index=60))
    told = [result.last(f"{metric}@reported") for metric in ("cyclomatic", "cognitive", "maintainability")]
    assert told == [3, 50, 60]


def test_a_set_of_analytics_tells_of_the_whole_project() -> None:
    data = {
        "complexity_score": 3.5,
        "max_complexity": 12,
        "cognitive_complexity": 90,
        "maintainability_index": 71.2,
        "security_rating": "A",
    }
    sizes = reported("analytics", 2, {"analytics_type": "code", "data": {"loc": 1200}})
    result = folded(reported("analytics", 1, {"analytics_type": "quality", "data": data}), sizes)
    told = {metric: result.last(f"{metric}@reported") for metric in NAMES}
    assert told == {
        "cyclomatic": 3.5,
        "max_cyclomatic": 12,
        "cognitive": 90,
        "maintainability": 71.2,
        "duplication": None,
        "lines_of_code": 1200,
    }


def test_levels_of_evidence_are_kept_apart() -> None:
    seen = reported("quality", 2, {"file_path": "a.py", "metrics": {"lines_of_code": 7}}, evidence="observed")
    result = folded(of_file(1, "a.py", lines_of_code=5), seen)
    assert (result.last("lines_of_code@reported"), result.last("lines_of_code@observed")) == (5, 7)


def test_issues_are_counted_by_level_and_the_open_ones_are_those_of_the_newest_reports() -> None:
    first = of_file(1, "a.py", ("high", "critical", "low"))
    result = folded(first, of_file(2, "a.py", ("low",)), of_file(3, "b.py", ("medium", "low")))
    counts = {
        level: result.count(f"quality_issues:{level}@reported") for level in ("critical", "high", "medium", "low")
    }
    assert counts == {"critical": 1, "high": 1, "medium": 1, "low": 3}
    assert (result.count("quality_issues@reported"), result.last("quality_issues@reported")) == (6, 3)
    assert result.count("bugs_found@reported") == 2


def test_very_many_files_stay_bounded_and_are_estimated() -> None:
    many = 3_000
    events, figures = files(many)
    result = folded(*events)
    assert len(result.document.quality.files["reported"]) == quality.MAX_FILES
    assert result.last("lines_of_code@reported") == pytest.approx(figures[:, 5].sum(), rel=0.15)
    assert result.last("cyclomatic@reported") == pytest.approx(figures[:, 0].mean(), rel=0.1)
    assert len(result.stored[next(iter(result.stored))]) < 60_000
