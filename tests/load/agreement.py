"""Whether reports say the same as plain SQL over the raw log, and as numpy over single values where it is quantiles."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import numpy as np

from tests.load import plain_sql
from tests.load.fleet.shape import Shape
from tests.load.report_calls import Call, Subjects

ACCURACY = 0.0101
"""Of quantiles: that of the sketch, and rounding."""
EXACT = 1e-5
"""Of everything else: figures are told with six digits."""
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
DECISION_FIELDS = {"decisions": "count", "attempts": "attempts", "completed": "completed"}
Json = dict[str, Any]
Told = Callable[[Json], Mapping[str, float]]
Reckoned = Callable[[Sequence[asyncpg.Record]], Mapping[str, float]]


@dataclass(frozen=True)
class Agreement:
    """One figure from both sides. A value is None where a side does not have it."""

    report: str
    figure: str
    told: float | None
    reckoned: float | None

    @property
    def holds(self) -> bool:
        """Whether both say the same."""
        if self.told is None or self.reckoned is None:
            return False
        allowed = ACCURACY if self.figure.rsplit("_", 1)[-1] in QUANTILES else EXACT
        return abs(self.told - self.reckoned) <= allowed * (abs(self.reckoned) or 1.0)


@dataclass(frozen=True)
class Comparison:
    """A report and its SQL, and how figures are read from both."""

    call: Call
    told: Told
    reckoned: Reckoned


async def agreements(
    client: httpx.AsyncClient, log: asyncpg.Connection, shape: Shape, subjects: Subjects
) -> list[Agreement]:
    """Of each report over the whole history, figure by figure."""
    midnight = shape.until.replace(hour=0, minute=0, second=0, microsecond=0)
    since, until = midnight - timedelta(days=shape.days + 1), midnight + timedelta(days=1)
    found: list[Agreement] = []
    for comparison in _comparisons(subjects, since, until):
        call = comparison.call
        answer = await client.get(call.path, params=call.params)
        answer.raise_for_status()
        rows = await log.fetch(call.sql, *call.arguments(since, until))
        told = comparison.told(answer.json())
        found.extend(
            Agreement(call.name, figure, told.get(figure), value) for figure, value in comparison.reckoned(rows).items()
        )
    return found


def _comparisons(subjects: Subjects, since: datetime, until: datetime) -> Iterator[Comparison]:
    time = {"time_range": f"{since.isoformat()}/{until.isoformat()}"}
    worker, repository, task = subjects.workers[0], subjects.repositories[0], subjects.tasks[0]
    performance, quality = "/v1/reports/performance", "/v1/reports/quality"
    of_worker = {"report_type": "worker", "entity_id": [worker]} | time
    of_system = {"report_type": "system"} | time
    of_repository = {"entity_type": "repository", "entity_id": [repository]} | time
    plain = plain_sql
    yield Comparison(Call("worker", performance, of_worker, plain.WORKERS, [worker]), _figures, _columns)
    yield Comparison(
        Call("worker", performance, of_worker, plain.TIMES, [worker]), _figures, _quantiles("worker_execution_time")
    )
    yield Comparison(Call("system", performance, of_system, plain.SYSTEM), _figures, _columns)
    yield Comparison(Call("system", performance, of_system, plain.SYSTEM_TIMES), _figures, _quantiles("execution_time"))
    yield Comparison(Call("quality", quality, of_repository, plain.QUALITY, repository), _figures, _columns)
    yield Comparison(
        Call("decisions", "/v1/reports/decisions", time, plain.DECISIONS), _told_decisions, _reckoned_decisions
    )
    yield Comparison(
        Call("errors", "/v1/reports/errors", time, plain.ERROR_TOTALS),
        lambda answer: _floats(answer["by_type"]),
        lambda rows: {row["error_type"]: float(row["errors"]) for row in rows},
    )
    yield Comparison(
        Call("facts", f"/v1/tasks/{task}/facts", {}, plain.FACTS, task, is_timed=False),
        lambda answer: _floats(answer["events"]),
        lambda rows: {row["kind"]: float(row["events"]) for row in rows},
    )


def _figures(answer: Json) -> dict[str, float]:
    """All figures of a report that have a value, also those of the single entity that it is about."""
    found: dict[str, float] = {}
    for section in answer["sections"]:
        rows = section.get("rows", [])
        for figure in [*section.get("figures", []), *(rows[0]["figures"] if len(rows) == 1 else [])]:
            if figure.get("value") is not None:
                found.setdefault(figure["name"], float(figure["value"]))
    return found


COMPARED = {
    *("success_rate", "tasks_finished", "completion_rate", "retry_rate", "execution_time_mean", "errors_reported"),
    *("tests_run", "test_pass_rate", "line_coverage"),
}
"""The columns of plain SQL that are figures of reports, by the same definition."""


def _columns(rows: Sequence[asyncpg.Record]) -> dict[str, float]:
    """The columns of the only row."""
    values = dict(rows[0]) if rows else {}
    return {name: float(value) for name, value in values.items() if name in COMPARED and _is_number(value)}


def _quantiles(name: str) -> Reckoned:
    """Quantiles of the single values: the sketch, too, takes the lower of two neighbours."""

    def reckoned(rows: Sequence[asyncpg.Record]) -> dict[str, float]:
        values = np.array([row["ms"] for row in rows])
        wanted = list(QUANTILES.items())[: 2 if name.startswith("worker") else 3]
        return {f"{name}_{short}": float(np.quantile(values, q, method="lower")) for short, q in wanted}

    return reckoned


def _told_decisions(answer: Json) -> dict[str, float]:
    return {
        f"{one['decision_type']}: {figure}": float(one[field])
        for one in answer["patterns"]
        for figure, field in DECISION_FIELDS.items()
    }


def _reckoned_decisions(rows: Sequence[asyncpg.Record]) -> dict[str, float]:
    return {f"{row['decision_type']}: {figure}": float(row[figure]) for row in rows for figure in DECISION_FIELDS}


def _floats(counts: Mapping[str, int]) -> dict[str, float]:
    return {name: float(count) for name, count in counts.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal)
