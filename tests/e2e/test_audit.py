"""A manager assigns an audit of a real project over MCP, answers its question, and gets figures that are true."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack.demo.project import NAME
from tests.support.mews import END_WITHIN_S, Manager, Structure, System, manager, states_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

PYTEST = ["-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]


def by_hand(project: Path, *words: str) -> str:
    """What a tool prints when somebody runs it in the project's folder."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.stdout + done.stderr


async def open_question(manager: Manager, task_id: str) -> Structure | None:
    questions = (await manager.call("list_questions", task_id=task_id))["questions"]
    return questions[0] if questions else None


async def test_an_audit_over_mcp_brings_the_figures_that_the_tools_print_by_hand(
    system: System, demo_project: Path, tmp_path: Path
):
    async with manager(system) as boss:
        task_id = await boss.assign("Audit this project", requirements={"repository": str(demo_project)})
        question = await eventually(lambda: open_question(boss, task_id), END_WITHIN_S)
        assert "report-only" in question["options"]
        answered = await boss.call("answer_worker_question", question_id=question["question_id"], answer="report-only")
        assert answered["state"] == "answered"
        report = await boss.ended(task_id)

    assert (report["state"], states_of(report)) == ("completed", ["completed"]), report.get("reason")
    assert report["evidence"]["claimed"]["summary"]["quality"]["gate"] == "report-only"
    assert "Audit complete" in [fact["milestone_name"] for fact in report["milestones"]]
    project = shutil.copytree(demo_project, tmp_path / "project")
    analytics = report["analytics"]
    assert_tests_and_coverage(project, tmp_path / "coverage", analytics["test"])
    assert_complexity(project, analytics["quality"])
    assert_size(project, analytics["code"])
    assert_security(project, analytics["security"])


def assert_tests_and_coverage(project: Path, data: Path, figures: dict[str, Any]) -> None:
    run = ["coverage", "run", "--rcfile=/dev/null", "--branch", f"--data-file={data}", f"--source={NAME}"]
    last = by_hand(project, *run, *PYTEST).strip().splitlines()[-1]
    counts = {name.rstrip("s"): int(count) for count, name in re.findall(r"(\d+) ([a-z]+)", last.split(" in ")[0])}
    names = {"passed": "passed", "failed": "failed", "skipped": "skipped", "error": "errors", "xfailed": "xfailed"}
    assert counts == {printed: figures[name] for printed, name in names.items() if figures[name]}
    assert figures["total"] == sum(counts.values()) > 1_000

    report = ["coverage", "report", "--rcfile=/dev/null", f"--data-file={data}", "--precision=2"]
    total = by_hand(project, *report).strip().splitlines()[-1].split()
    assert total[0] == "TOTAL"
    assert total[-1] == f"{figures['coverage_percent']:.2f}%"
    statements, missing = int(total[1]), int(total[2])
    assert figures["line_coverage_percent"] == round(100 * (statements - missing) / statements, 2)


def assert_complexity(project: Path, figures: dict[str, Any]) -> None:
    printed = by_hand(project, "radon", "cc", "-s", "-a", NAME)
    mean = re.search(r"Average complexity: \w \(([\d.]+)\)", printed)
    assert mean is not None
    assert figures["complexity_score"] == round(float(mean[1]), 2)
    scores = [int(score) for score in re.findall(r"[FM] \d+:\d+ .* - \w \((\d+)\)", printed)]
    assert figures["max_complexity"] == max(scores) > 10

    indexes = [float(index) for index in re.findall(r"\(([\d.]+)\)", by_hand(project, "radon", "mi", "-s", NAME))]
    # What is printed is rounded, file by file.
    assert figures["maintainability_index"] == pytest.approx(sum(indexes) / len(indexes), abs=0.01)
    assert figures["lowest_maintainability_index"] == min(indexes)


def assert_size(project: Path, figures: dict[str, Any]) -> None:
    total = by_hand(project, "radon", "raw", "-s", NAME).rpartition("** Total **")[2]
    printed = {name.lower(): int(count) for name, count in re.findall(r"(LOC|LLOC|SLOC|Comments): (\d+)", total)}
    assert printed == {name: figures[name] for name in ("loc", "lloc", "sloc", "comments")}


def assert_security(project: Path, figures: dict[str, Any]) -> None:
    printed = by_hand(project, "bandit", "-r", NAME)
    severities = printed.partition("Total issues (by severity):")[2].partition("by confidence")[0]
    counts = {name.lower(): int(count) for name, count in re.findall(r"(High|Medium|Low): (\d+)", severities)}
    assert counts == {name: figures[name] for name in ("high", "medium", "low")}
    assert figures["total"] == sum(counts.values()) > 0
