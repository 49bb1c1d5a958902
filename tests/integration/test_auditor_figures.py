"""The figures of the auditor equal those of the plain tools run by hand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.audit_projects import SHOP, write_project

SOURCES = ["-e", "src/shop/tests/*", "src/shop"]


def by_hand(project: Path, *words: str, **variables: str) -> str:
    """The output of a tool run in the project's folder."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "src", **variables}
    ended = subprocess.run(
        [sys.executable, "-m", *words], cwd=project, env=environment, capture_output=True, text=True, timeout=60
    )
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("shop"), SHOP)


@pytest.fixture(scope="module")
def measured(project: Path) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "auditor", "measure", str(project), "--json"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def pytest_by_hand(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Pytest under coverage, and the data file it wrote."""
    data = tmp_path_factory.mktemp("hand") / "data"
    words = ["coverage", "run", "--rcfile=/dev/null", "--branch", f"--data-file={data}", "--source=src/shop"]
    pytest_words = ["-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=-m 'not slow'"]
    output = by_hand(project, *words, "--omit=src/shop/tests/*", *pytest_words, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    return output, data


def test_test_counts_equal_the_last_line_of_pytest(measured: dict[str, Any], pytest_by_hand: tuple[str, Path]) -> None:
    last = pytest_by_hand[0].strip().splitlines()[-1]
    printed = {name.rstrip("s"): int(count) for count, name in re.findall(r"(\d+) ([a-z]+)", last.split(" in ")[0])}
    tests = measured["tests"]
    assert printed == {
        "failed": tests["failed"],
        "passed": tests["passed"],
        "skipped": tests["skipped"],
        "deselected": 1,
        "xfailed": tests["xfailed"],
        "xpassed": tests["xpassed"],
        "error": tests["errors"],
    }
    assert tests["exit_code"] == 1
    assert [case["name"] for case in tests["unsuccessful"]] == ["test_wrong", "test_setup", "test_teardown"]


def test_coverage_equals_the_total_of_coverage_report(
    project: Path, measured: dict[str, Any], pytest_by_hand: tuple[str, Path]
) -> None:
    words = ["coverage", "report", "--rcfile=/dev/null", f"--data-file={pytest_by_hand[1]}", "--precision=6"]
    total = by_hand(project, *words).strip().splitlines()[-1].split()
    coverage = measured["coverage"]
    assert f"{coverage['percent']:.6f}%" == total[-1]
    assert [coverage["statements"], coverage["missing"], coverage["branches"]] == [int(word) for word in total[1:4]]
    assert 30 < coverage["percent"] < 95
    assert "src/shop/unused.py" in [one["path"] for one in coverage["files"]]


def test_complexity_equals_what_radon_prints(project: Path, measured: dict[str, Any]) -> None:
    printed = by_hand(project, "radon", "cc", "-s", "-a", *SOURCES)
    complexity = measured["complexity"]
    mean = re.search(r"Average complexity: \w \(([\d.]+)\)", printed)
    blocks = re.search(r"(\d+) blocks", printed)
    assert mean is not None
    assert blocks is not None
    assert complexity["cyclomatic_mean"] == pytest.approx(float(mean[1]))
    assert complexity["blocks"] == int(blocks[1])
    scores = [int(score) for score in re.findall(r"[FM] \d+:\d+ .* - \w \((\d+)\)", printed)]
    assert complexity["cyclomatic_max"] == max(scores)
    assert complexity["worst_cyclomatic"][0]["name"] == "total"


def test_maintainability_and_size_equal_what_radon_prints(project: Path, measured: dict[str, Any]) -> None:
    complexity = measured["complexity"]
    scores = [float(score) for score in re.findall(r"\(([\d.]+)\)", by_hand(project, "radon", "mi", "-s", *SOURCES))]
    assert complexity["maintainability_mean"] == pytest.approx(sum(scores) / len(scores), abs=0.01)
    assert complexity["maintainability_min"] == pytest.approx(min(scores), abs=0.01)
    total = by_hand(project, "radon", "raw", "-s", *SOURCES).rpartition("** Total **")[2]
    printed = {name: int(count) for name, count in re.findall(r"(LOC|LLOC|SLOC|Comments): (\d+)", total)}
    assert printed == {
        "LOC": complexity["loc"],
        "LLOC": complexity["lloc"],
        "SLOC": complexity["sloc"],
        "Comments": complexity["comments"],
    }


def test_cognitive_complexity_is_the_tools_own(measured: dict[str, Any]) -> None:
    assert measured["complexity"]["worst_cognitive"][0]["name"] == "total"
    assert measured["complexity"]["cognitive_max"] >= 15


def test_findings_equal_what_bandit_prints(project: Path, measured: dict[str, Any]) -> None:
    printed = by_hand(project, "bandit", "-r", "-x", "src/shop/tests", "src/shop")
    by_severity = printed.partition("Total issues (by severity):")[2].partition("by confidence")[0]
    counts = {
        name.lower(): int(count) for name, count in re.findall(r"(High|Medium|Low|Undefined): (\d+)", by_severity)
    }
    security = measured["security"]
    assert counts == {name: security[name] for name in ("high", "medium", "low", "undefined")}
    assert security["high"] == 1
    assert security["medium"] == 1
    assert f"Total lines of code: {security['lines_scanned']}" in printed


def test_the_slowest_test_is_profiled_to_the_function(measured: dict[str, Any]) -> None:
    profile = measured["profile"]
    assert profile["test"] == "tests/test_prices.py::test_slow_sum"
    calls = {spot["function"]: spot["calls"] for spot in profile["hotspots"] if spot["own"]}
    assert calls["digit"] == 200_000


def test_the_workspace_is_as_it_was(project: Path, measured: dict[str, Any]) -> None:
    left = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    assert left == set(SHOP)
    assert measured["problems"] == []


def test_the_commands_it_shows_give_the_same_when_typed(
    project: Path, measured: dict[str, Any], tmp_path: Path
) -> None:
    typed = measured["tests"]["command"].replace("OUT/", f"{tmp_path}/")
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    ended = subprocess.run(typed, shell=True, cwd=project, env=environment, capture_output=True, text=True, timeout=60)
    tests = measured["tests"]
    assert f"{tests['failed']} failed, {tests['passed']} passed" in ended.stdout
