"""What the auditor tells the manager, through a real MCP server."""

import asyncio
import json
import signal
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from tests.support.audit_projects import SHOP, SMALL, write_project
from tests.support.auditing import Ended, end, run_auditor, start_auditor
from tests.support.mcp_recorder import Recorder, serve_recorder
from tests.support.waiting import PATIENCE_S, eventually


@pytest.fixture
def recorder() -> Generator[Recorder]:
    with serve_recorder() as running:
        yield running


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recorder, Ended]:
    """A whole audit of the shop."""
    project = write_project(tmp_path_factory.mktemp("shop"), SHOP)
    with serve_recorder() as running:
        return running, asyncio.run(run_auditor(project, running, {"test_coverage_target": 95}))


async def git(project: Path, *words: str) -> str:
    process = await asyncio.create_subprocess_exec("git", *words, cwd=project, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode()


def test_a_whole_audit_is_told_step_by_step(told: tuple[Recorder, Ended]) -> None:
    recorder, ended = told
    assert ended.exit_code == 0, ended.errors
    assert {call.arguments["task_id"] for call in recorder.calls} == {"task-1"}

    tools = [call.tool for call in recorder.calls]
    assert tools[0] == "report_progress"
    assert tools[-1] == "report_completion"
    assert "ask_manager" not in tools
    statuses = [one["status"] for one in recorder.of("report_progress")]
    assert list(dict.fromkeys(statuses)) == [
        *("initializing", "analyzing", "planning", "executing", "testing", "reviewing", "finalizing")
    ]
    percents = [one["metrics"]["percent_complete"] for one in recorder.of("report_progress")]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert all(one["metrics"]["memory_usage_mb"] > 0 for one in recorder.of("report_progress"))
    assert [one["analytics_type"] for one in recorder.of("report_analytics")] == [
        *("dependency", "code", "security", "test", "quality", "resource", "performance")
    ]
    assert [one["resource_type"] for one in recorder.of("report_resource_usage")] == ["memory", "cpu", "disk"]
    assert [one["decision_type"] for one in recorder.of("report_decision")] == ["testing", "quality_gate"]
    planned = [step["step_id"] for step in recorder.of("report_plan")[0]["steps"]]
    assert planned == ["complexity", "security", "tests", "profile", "judge"]
    assert [(one["step_id"], one["status"]) for one in recorder.of("update_plan_step")] == [
        (step, "completed") for step in planned
    ]
    assert len(recorder.of("report_milestone")) >= 5


def test_the_reports_carry_the_figures(told: tuple[Recorder, Ended]) -> None:
    recorder, _ = told
    results = recorder.of("report_test_results")[0]
    counts = results["results"]
    assert (counts["total"], counts["passed"], counts["failed"], counts["errors"]) == (11, 6, 1, 2)
    wrong = next(one for one in results["failed_tests"] if "test_wrong" in one["test_name"])
    assert "a | wrong <price>" in wrong["error_message"]
    summary = recorder.of("report_completion")[0]["summary"]
    assert recorder.of("report_completion")[0]["status"] == "completed"
    assert any(text.startswith("Coverage of at least 95%") for text in summary["objectives_missed"])
    assert any(text.startswith("All tests pass: 6 passed, 1 failed") for text in summary["objectives_missed"])
    assert summary["tests"] == counts
    qualities = recorder.of("report_code_quality")
    assert [one["file_path"] for one in qualities][:2] == [".", "src/shop/prices.py"]
    shell = next(one for one in qualities if one["file_path"] == "src/shop/shell.py")
    assert {"B602", "B301"} <= {issue["rule"] for issue in shell["issues"]}
    dependency = recorder.of("report_analytics")[0]["data"]
    assert dependency["unsatisfied_runtime"] == ["not-there-at-all>=1: not installed"]
    profile = recorder.of("report_performance_profile")[0]
    assert any("digit" in text for text in profile["bottlenecks"])


async def test_the_report_is_a_document_outside_the_projects_history(tmp_path: Path, recorder: Recorder) -> None:
    project = write_project(tmp_path, SMALL)
    await git(project, "init", "-q")
    await run_auditor(project, recorder, {"quality_gate": "report-only"})
    document = (project / ".mews" / "AUDIT.md").read_text()
    assert "Task: Audit the shop" in document
    assert "| 1 | 1 | 0 | 0 | 0 | 0 | 0 |" in document
    assert ".mews" not in await git(project, "status", "--porcelain")


def test_standard_output_is_json_with_the_result_last(told: tuple[Recorder, Ended]) -> None:
    recorder, lines = told[0], told[1].lines
    assert {line["type"] for line in lines} == {"tool_call", "output", "result"}
    assert lines[-1]["type"] == "result"
    assert lines[-1]["status"] == "completed"
    assert recorder.token not in json.dumps(lines)


async def test_the_question_does_not_hold_up_the_work_and_its_answer_decides(
    tmp_path: Path, recorder: Recorder
) -> None:
    recorder.answer = "strict"
    recorder.answer_when.clear()
    process = await start_auditor(write_project(tmp_path, SMALL), recorder, {})
    try:
        # Nobody has answered, and yet everything is measured.
        await eventually(lambda: recorder.of("report_performance_profile"), within=60)
        await eventually(lambda: recorder.of("report_progress")[-1]["status"] == "waiting")
        assert recorder.of("ask_manager")[0]["options"] == ["strict", "standard", "report-only"]
        assert recorder.of("ask_manager")[0]["default_answer"] == "standard"
        recorder.answer_when.set()
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        await end(process)
    assert recorder.of("report_decision")[-1]["reasoning"] == "The manager answered: strict"
    assert recorder.of("report_completion")[0]["summary"]["quality"]["gate"] == "strict"


async def test_without_an_answer_the_default_applies_and_is_said_so(tmp_path: Path, recorder: Recorder) -> None:
    recorder.failing["ask_manager"] = 9
    ended = await run_auditor(write_project(tmp_path, SMALL), recorder)
    assert ended.exit_code == 0
    assert "default applies" in recorder.of("report_decision")[-1]["reasoning"]
    summary = recorder.of("report_completion")[0]["summary"]
    assert summary["quality"]["gate"] == "standard"
    assert "ask_manager" in summary["metrics"]["reports_undelivered"][0]


async def test_a_refused_token_ends_it_at_once(tmp_path: Path, recorder: Recorder) -> None:
    ended = await run_auditor(write_project(tmp_path, SMALL), recorder, MEWS_MCP_TOKEN="wrong")
    assert ended.exit_code == 4
    assert "refuses the token (HTTP 401)" in ended.lines[-1]["content"]
    assert recorder.calls == []


async def test_missing_variables_are_a_usage_error(tmp_path: Path, recorder: Recorder) -> None:
    ended = await run_auditor(write_project(tmp_path, SMALL), recorder, MEWS_MCP_TOKEN="")
    assert ended.exit_code == 2
    assert "MEWS_MCP_TOKEN" in ended.errors


async def test_a_signal_ends_it_with_all_it_started(tmp_path: Path, recorder: Recorder) -> None:
    hanging = (
        "import os, subprocess, sys, time\n\n\ndef test_hang():\n"
        "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "    open('started', 'w').close()\n    time.sleep(600)\n"
    )
    project = write_project(tmp_path, SMALL | {"tests/test_hang.py": hanging})
    process = await start_auditor(project, recorder, {"quality_gate": "strict"})
    try:
        await eventually((project / "started").exists, within=60)
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 2
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 143
    finally:
        await end(process)
    gone, alive = psutil.wait_procs(started, timeout=5)
    assert len(gone) == len(started)
    assert alive == []
