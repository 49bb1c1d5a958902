"""Projects on which a part of the audit cannot work as it should."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.audit_projects import SMALL, write_project
from tests.support.auditing import run_auditor
from tests.support.mcp_recorder import Recorder, serve_recorder

GATE: dict[str, Any] = {"quality_gate": "standard"}


@pytest.fixture
def recorder() -> Generator[Recorder]:
    with serve_recorder() as running:
        yield running


def overview(recorder: Recorder) -> str:
    return recorder.of("report_completion")[0]["summary"]["overview"]


async def test_a_project_without_tests_is_audited_and_the_lack_said(tmp_path: Path, recorder: Recorder) -> None:
    project = write_project(tmp_path, {"shop/__init__.py": "def one():\n    return 1\n"})
    assert (await run_auditor(project, recorder, GATE)).exit_code == 0
    completion = recorder.of("report_completion")[0]
    assert completion["status"] == "completed"
    assert "it has no tests" in overview(recorder)
    assert "All tests pass: there is no test run to judge by" in completion["summary"]["objectives_missed"]
    assert "tests" not in completion["summary"]
    assert recorder.of("report_test_results") == []
    assert recorder.of("report_error") == []


async def test_a_test_file_without_a_test_is_no_test_run(tmp_path: Path, recorder: Recorder) -> None:
    project = write_project(tmp_path, SMALL | {"tests/test_one.py": "import shop\n"})
    assert (await run_auditor(project, recorder, GATE)).exit_code == 0
    assert recorder.of("report_test_results") == []
    assert "pytest found no tests" in [one["content"] for one in recorder.of("stream_realtime_data")]


async def test_a_folder_without_python_has_nothing_to_audit(tmp_path: Path, recorder: Recorder) -> None:
    ended = await run_auditor(write_project(tmp_path, {"main.c": "int main;", "README": "x"}), recorder)
    assert ended.exit_code == 3
    assert recorder.of("report_completion")[0]["status"] == "failed"
    assert "no Python code" in overview(recorder)
    assert recorder.of("report_error")[0]["error_type"] == "no_python_code"
    assert recorder.of("ask_manager") == []


async def test_tests_that_cannot_be_collected_do_not_hide_the_others(tmp_path: Path, recorder: Recorder) -> None:
    project = write_project(tmp_path, SMALL | {"tests/test_two.py": "import not_there_at_all\n"})
    assert (await run_auditor(project, recorder, GATE)).exit_code == 0
    error = recorder.of("report_error")[0]
    assert "not_there_at_all" in error["stack_trace"]
    assert (error["recovery_attempted"], error["recovery_successful"]) == (True, True)
    assert error["recovery_strategy"] == "Run the tests again going on after collection errors"
    counts = recorder.of("report_test_results")[0]["results"]
    assert (counts["passed"], counts["errors"]) == (1, 1)


@pytest.mark.parametrize(
    ("files", "strategies"),
    [
        (
            {"pytest.ini": "[pytest]\nminversion = 999\n"},
            ["Run the tests again without the project's pytest configuration"],
        ),
        (
            {"tests/conftest.py": "raise RuntimeError('broken')\n"},
            [
                "Run the tests again without the project's pytest configuration",
                "Run the tests again without the project's pytest configuration, without its conftest files",
            ],
        ),
    ],
    ids=["configuration", "conftest"],
)
async def test_what_pytest_refuses_is_left_aside(
    files: dict[str, str], strategies: list[str], tmp_path: Path, recorder: Recorder
) -> None:
    project = write_project(tmp_path, SMALL | files)
    assert (await run_auditor(project, recorder, GATE)).exit_code == 0
    assert [one["recovery_strategy"] for one in recorder.of("report_error")] == strategies
    assert recorder.of("report_test_results")[0]["results"]["passed"] == 1


async def test_a_test_run_that_dies_makes_the_audit_partial(tmp_path: Path, recorder: Recorder) -> None:
    project = write_project(
        tmp_path, SMALL | {"tests/test_two.py": "import os\n\n\ndef test_two():\n    os._exit(77)\n"}
    )
    assert (await run_auditor(project, recorder, GATE)).exit_code == 0
    assert recorder.of("report_completion")[0]["status"] == "partial"
    error = recorder.of("report_error")[0]
    assert error["message"] == "pytest ended with exit code 77"
    assert error["recovery_successful"] is False
    assert "its tests cannot be run" in overview(recorder)
    assert [one["analytics_type"] for one in recorder.of("report_analytics")][1:3] == ["code", "security"]


async def test_a_file_that_is_no_python_spoils_nothing_else(tmp_path: Path, recorder: Recorder) -> None:
    project = write_project(tmp_path, SMALL | {"shop/broken.py": "def (\n", "shop/latin.py": "x = 1\n"})
    (project / "shop" / "latin.py").write_bytes(b"x = '\xe9'\n")
    assert (await run_auditor(project, recorder, GATE)).exit_code == 0
    assert recorder.of("report_test_results")[0]["results"]["passed"] == 1
    assert recorder.of("report_analytics")[1]["data"]["source_files"] == 3
    assert recorder.of("report_code_quality")[0]["file_path"] == "."


async def test_modules_that_are_called_like_the_tools_are_not_taken_for_them(
    tmp_path: Path, recorder: Recorder
) -> None:
    trap = "raise SystemExit('imported from the workspace')\n"
    traps = {f"{name}.py": trap for name in ("radon", "bandit", "mcp", "auditor", "psutil", "contracts")}
    project = write_project(tmp_path, SMALL | traps)
    assert (await run_auditor(project, recorder, GATE)).exit_code == 0
    assert recorder.of("report_completion")[0]["status"] == "completed"


async def test_a_link_in_the_place_of_the_report_is_not_followed(tmp_path: Path, recorder: Recorder) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    project = write_project(tmp_path / "project", SMALL)
    (project / ".mews").symlink_to(outside)
    assert (await run_auditor(project, recorder, GATE)).exit_code == 0
    assert list(outside.iterdir()) == []
    assert recorder.of("report_completion")[0]["status"] == "partial"
    assert recorder.of("report_error")[0]["message"] == ".mews is a link, so the report was not written"
