"""The routes of analytics-query that make reports: they check what they are asked, and answer an example."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from contracts.base import Model
from contracts.problems import MEDIA_TYPE, FieldError, Problem
from tests.support.reports import (
    analytics_of_task,
    comparative_report,
    decisions_of_day,
    errors_of_hour,
    quality_of_repository,
)

RANGES = ("last_hour", "last_24_hours", "last_7_days", "last_30_days", "all")
KNOWN = {
    "/v1/analytics": {"entity_type", "entity_id", "analytics_type", "metrics", "time_range"},
    "/v1/reports/performance": {"report_type", "entity_id", "metrics", "time_range", "limit"},
    "/v1/reports/quality": {"entity_type", "entity_id", "metrics", "time_range"},
    "/v1/reports/decisions": {"task_id", "decision_type", "include_reasoning", "time_range", "cursor", "limit"},
    "/v1/reports/errors": {
        *("time_range", "error_type", "severity_filter", "include_recovery", "worker_id", "task_id", "cursor", "limit"),
    },
}

_RANGE = re.compile(r"^(\d+[mhdw]|P[0-9TDHMW]+|\d{4}-\d{2}-\d{2}\S*/\S+)$")


@dataclass
class Reports:
    """What the routes answer, by path, and whether they wait."""

    answers: dict[str, Model] = field(
        default_factory=lambda: {
            "/v1/analytics": analytics_of_task(),
            "/v1/reports/performance": comparative_report(),
            "/v1/reports/quality": quality_of_repository(),
            "/v1/reports/decisions": decisions_of_day(),
            "/v1/reports/errors": errors_of_hour(),
        }
    )
    held: asyncio.Event | None = None
    """Answers wait until it is set."""


def serve_reports(app: FastAPI, reports: Reports) -> None:
    """Add the routes."""
    for path, known in KNOWN.items():
        app.get(path)(_route(reports, path, known))


def _route(reports: Reports, path: str, known: set[str]) -> Callable[[Request], Awaitable[Response]]:
    async def report(request: Request) -> Response:
        if unknown := set(request.query_params) - known:
            return _wrong(unknown.pop(), "unknown field", sorted(known), "")
        given = request.query_params.get("time_range", "")
        if given not in RANGES and not _RANGE.match(given):
            allowed = [*RANGES, "<n>m, <n>h, <n>d or <n>w, such as 90m", "an ISO 8601 duration, such as PT6H"]
            return _wrong("time_range", "it is none of the allowed forms", allowed, given)
        if reports.held is not None:
            await reports.held.wait()
        return JSONResponse(reports.answers[path].to_dict())

    return report


def _wrong(name: str, message: str, allowed: list[str], value: str) -> Response:
    error = FieldError(field=name, message=message, value=value, allowed=allowed)
    problem = Problem(title="Invalid input", status=422, code="invalid_input", detail=message, errors=[error])
    return Response(problem.to_json(), 422, media_type=MEDIA_TYPE)
