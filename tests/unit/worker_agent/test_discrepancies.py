from typing import Any

import pytest

from contracts.events.recovery import Completion, Observed, Verified
from worker_agent.decisions.discrepancies import discrepancies


def claim(status: str = "completed", **summary: Any) -> Completion:
    return Completion.model_validate({"status": status, "summary": summary})


def seen(**fields: Any) -> Observed:
    return Observed.model_validate({"agent": "command", **fields})


def junit(total: int, failed: int = 0, errors: int = 0) -> dict[str, Any]:
    counts = {"total": total, "passed": total - failed - errors, "failed": failed, "errors": errors}
    return {"path": "junit.xml", "counts": counts}


PASSED = {"total": 10, "passed": 10}
FAILED = Verified(passed=False, commands=[])


@pytest.mark.parametrize(
    ("claimed", "observed", "changed", "sentence"),
    [
        (
            claim(tests=PASSED),
            seen(tests=[junit(10, failed=2, errors=1)]),
            None,
            "It says that no test failed (10 of 10 passed); junit.xml shows 2 failed and 1 with errors of 10.",
        ),
        (
            claim(tests=PASSED),
            seen(test_commands=[{"command": "pytest", "exit_code": 0}, {"command": "pytest -x", "exit_code": 1}]),
            None,
            "It says that no test failed (10 of 10 passed); its last test run, `pytest -x`, exited with 1.",
        ),
        (
            claim(tests=PASSED),
            seen(tests=[junit(3), junit(4)]),
            None,
            "It says that 10 tests ran; the JUnit files show 7 in all.",
        ),
        (
            claim(tests=PASSED | {"line_coverage_percent": 95.0}),
            seen(coverage=[{"path": "coverage.xml", "line_percent": 71.5}, {"path": "old.xml", "line_percent": 60}]),
            None,
            "It says that the tests reach 95 % of the lines; coverage.xml shows 71.5 %.",
        ),
        (
            claim(
                files_created=["a.py", "./new/b.py"], files_modified=["/w/tree/c.py", "d.py"], files_deleted=["e.py"]
            ),
            None,
            ["new/b.py", "c.py", "e.py"],
            "It says that it changed a.py, d.py: no difference from the start is seen there.",
        ),
        (
            claim(files_modified=[f"{number}.py" for number in range(8)]),
            None,
            [],
            "It says that it changed 0.py, 1.py, 2.py, 3.py, 4.py and 3 more: "
            "no difference from the start is seen there.",
        ),
    ],
)
def test_a_claim_that_does_not_fit_is_told(
    claimed: Completion, observed: Observed | None, changed: list[str] | None, sentence: str
) -> None:
    assert discrepancies(claimed, observed, None, changed) == [sentence]


def test_a_claim_of_completion_against_a_failed_verification_is_told() -> None:
    assert discrepancies(claim(), None, FAILED, None) == [
        "It says that it completed the task; the verification failed."
    ]


@pytest.mark.parametrize(
    ("claimed", "observed", "changed"),
    [
        (None, seen(tests=[junit(1, failed=1)]), []),
        (claim("failed"), None, None),
        (claim(tests={"total": 3, "passed": 2, "failed": 1}), seen(tests=[junit(3, failed=1)]), None),
        (claim(tests=PASSED), seen(tests=[junit(10)], test_commands=[{"command": "pytest"}]), None),
        (
            claim(tests=PASSED | {"line_coverage_percent": 80.4}),
            seen(coverage=[{"path": "c", "line_percent": 80}]),
            None,
        ),
        (claim(files_modified=["src"]), None, ["src/a.py"]),
        (claim(files_modified=["a.py"]), None, None),
        (claim(), seen(), []),
    ],
)
def test_what_fits_or_is_not_known_is_not_told(
    claimed: Completion | None, observed: Observed | None, changed: list[str] | None
) -> None:
    verified = FAILED if claimed is not None and claimed.status == "failed" else None
    assert discrepancies(claimed, observed, verified, changed) == []
