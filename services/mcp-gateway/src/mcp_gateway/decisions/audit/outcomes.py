"""What came of a call, from what was answered."""

from collections.abc import Mapping
from typing import Any, cast

from contracts.audit import AuditOutcome

PROBLEM_KEY = "mews/problem"
_ASKED = "input_required"

Came = tuple[AuditOutcome, str | None]
"""The outcome, and the error's code."""


def of_result(result: object) -> Came:
    """What an MCP result says."""
    if not isinstance(result, Mapping):
        return AuditOutcome.ok, None
    told = cast("Mapping[str, Any]", result)
    if told.get("resultType") == _ASKED:
        return AuditOutcome.asked, None
    if told.get("isError"):
        return of_problem((told.get("_meta") or {}).get(PROBLEM_KEY))
    return AuditOutcome.ok, None


def of_problem(problem: object) -> Came:
    """What problem details say; anything else is a failure without a code of its own."""
    if not isinstance(problem, Mapping):
        return AuditOutcome.failed, "error"
    told = cast("Mapping[str, Any]", problem)
    status, code = told.get("status"), told.get("code")
    failed = isinstance(status, int) and status >= 500
    return AuditOutcome.failed if failed else AuditOutcome.refused, str(code or "error")


def of_status(status: int, code: str | None) -> Came:
    """What an HTTP answer says."""
    if status < 400:
        return AuditOutcome.ok, None
    return (AuditOutcome.failed if status >= 500 else AuditOutcome.refused), code or f"http_{status}"
