"""Whether reports say the same as plain SQL: quantiles within the sketch's accuracy, everything else exactly."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import httpx

from tests.load import plain_sql
from tests.load.fleet.shape import Shape
from tests.load.report_calls import MAKERS, Call, Subjects

ACCURACY = 0.0101
"""Of quantiles: that of the sketch, and rounding."""
EXACT = 1e-5
"""Of everything else: figures are told with six digits."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Agreement:
    """One figure from both sides. A value is None where a side does not have it."""

    report: str
    figure: str
    told: float | None
    reckoned: float | None

    @property
    def difference(self) -> float:
        """Relative to what SQL says."""
        if self.told is None or self.reckoned is None:
            return float("inf")
        return abs(self.told - self.reckoned) / (abs(self.reckoned) or 1.0)

    @property
    def holds(self) -> bool:
        """Whether both say the same."""
        is_quantile = self.figure.rsplit("_", 1)[-1] in {"p50", "p95", "p99"}
        return self.difference <= (ACCURACY if is_quantile else EXACT)


async def agreements(
    client: httpx.AsyncClient, log: asyncpg.Connection, shape: Shape, subjects: Subjects
) -> list[Agreement]:
    """Of each report over the whole history, figure by figure."""
    midnight = shape.until.replace(hour=0, minute=0, second=0, microsecond=0)
    since, until = midnight - timedelta(days=shape.days + 1), midnight + timedelta(days=1)
    found: list[Agreement] = []
    for call in _calls(subjects, f"{since.isoformat()}/{until.isoformat()}"):
        answer = await client.get(call.path, params=call.params)
        answer.raise_for_status()
        rows = await log.fetch(call.sql, *call.arguments(since, until))
        found.extend(_compared(call, answer.json(), rows))
    return found


def _calls(subjects: Subjects, interval: str) -> Iterator[Call]:
    worker, repository, task = subjects.workers[0], subjects.repositories[0], subjects.tasks[0]
    about = {
        "performance_report, worker": ({"report_type": "worker", "entity_id": [worker]}, [worker]),
        "performance_report, system": ({"report_type": "system"}, None),
        "quality_dashboard": ({"entity_type": "repository", "entity_id": repository}, repository),
        "analyze_decisions": ({}, None),
        "error_analysis": ({}, None),
        "facts of a task": ({}, task),
    }
    paths = {
        "quality_dashboard": ("/v1/reports/quality", plain_sql.QUALITY),
        "analyze_decisions": ("/v1/reports/decisions", plain_sql.DECISIONS),
        "error_analysis": ("/v1/reports/errors", plain_sql.ERROR_TOTALS),
        "facts of a task": (f"/v1/tasks/{task}/facts", plain_sql.FACTS),
        "performance_report, worker": ("/v1/reports/performance", plain_sql.WORKERS),
        "performance_report, system": ("/v1/reports/performance", plain_sql.SYSTEM),
    }
    for name in MAKERS:
        if name in about:
            params, subject = about[name]
            path, sql = paths[name]
            is_timed = name != "facts of a task"
            yield Call(name, path, params | ({"time_range": interval} if is_timed else {}), sql, subject, is_timed)


def _compared(call: Call, answer: Json, rows: list[asyncpg.Record]) -> Iterator[Agreement]:
    told, reckoned = _told(call.name, answer), _reckoned(call.name, rows)
    for figure in sorted(reckoned.keys() & told.keys() if call.name.startswith("perf") else reckoned):
        yield Agreement(call.name, figure, told.get(figure), reckoned[figure])


def _told(name: str, answer: Json) -> Mapping[str, float]:
    match name:
        case "analyze_decisions":
            return {
                f"{one['decision_type']}: {figure}": float(one[field])
                for one in answer["patterns"]
                for figure, field in DECISION_FIELDS.items()
            }
        case "error_analysis":
            return {f"errors of {kind}": float(count) for kind, count in answer["by_type"].items()}
        case "facts of a task":
            return {f"events of {kind}": float(count) for kind, count in answer["events"].items()}
        case _:
            return _figures(answer)


DECISION_FIELDS = {"decisions": "count", "attempts": "attempts", "completed": "completed"}


def _figures(answer: Json) -> dict[str, float]:
    """All figures of a report that have a value, also those of the single entity that it is about."""
    found: dict[str, float] = {}
    for section in answer["sections"]:
        rows = section.get("rows", [])
        figures = [*section.get("figures", []), *(rows[0]["figures"] if len(rows) == 1 else [])]
        for figure in figures:
            if figure.get("value") is not None:
                found.setdefault(figure["name"], float(figure["value"]))
    return found


def _reckoned(name: str, rows: list[asyncpg.Record]) -> Mapping[str, float]:
    match name:
        case "analyze_decisions":
            return {
                f"{row['decision_type']}: {figure}": float(row[figure]) for row in rows for figure in DECISION_FIELDS
            }
        case "error_analysis":
            return {f"errors of {row['error_type']}": float(row["errors"]) for row in rows}
        case "facts of a task":
            return {f"events of {row['kind']}": float(row["events"]) for row in rows}
        case _:
            return {
                figure: float(value)
                for figure, value in (rows[0].items() if rows else ())
                if isinstance(value, int | float) or hasattr(value, "as_tuple")
            }
