"""A fleet's five days: every kind of report, at several levels of evidence, odd ones too.

They are planned by `tests.load.fleet`, so that attempts come, end and are tried again as in a real fleet, and are the
same whenever they are made.
"""

import random
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import numpy as np
import orjson

from contracts.decided import DecidedKind
from tests.integration.figures.reporting import KINDS, resting
from tests.load.fleet.attempts import Attempt
from tests.load.fleet.history import History
from tests.load.fleet.lines import Line, instant
from tests.load.fleet.reports import Reporter
from tests.load.fleet.shape import Shape

UNTIL = datetime(2026, 6, 5, tzinfo=UTC)
SHAPE = Shape(
    UNTIL, events=11_000, seed=13, days=5, workers=5, repositories=3, per_attempt=70, sampled_every_ms=1_200_000
)
EXTRAS = (14, 34)
"""Reports of an attempt beside those of the fleet: from, to."""
FAVOURED = 0.4
"""Of these the share of one kind, another for each attempt: what is told again and again is folded otherwise."""
LEAKING = 4
"""One in so many tasks has its heap sampled; it rests, grows hardly, or leaks."""
HEAP_SAMPLES = 14
RECOVERED = "@error"
"""Where the id of an error goes that a recovery is about."""
ENDED = {
    DecidedKind.task_requeued: ('{"attempt_state":"failed"}', '{"attempt_state":"lost"}', "{}"),
    DecidedKind.task_failed: tuple(f'{{"failure_class":"{why}"}}' for why in ("retryable", "permanent", "poison")),
    DecidedKind.task_timed_out: ('{"attempt_state":"lost","failure_class":"retryable"}', "{}", "{}"),
}
"""What the orchestrator says of the end."""
UNFINISHED, UNASSIGNED = 19, 23
"""One in so many tasks is still running at the end, or its assignment is not told."""


class FullHistory(History):
    """The fleet's history with fuller reports; of some tasks no end is told, of some no assignment."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self._reporter = FullReporter(shape, np.random.default_rng(shape.seed + 7))

    def _tell(self, at_ms: int, kind: DecidedKind, data: str, **about: object) -> None:
        place = crc32(str(about.get("task_id", "")).encode())
        ends = kind.value in {"task.completed", "task.failed", "task.cancelled", "task.timed_out"}
        if (ends and place % UNFINISHED == 0) or (kind is DecidedKind.task_assigned and place % UNASSIGNED == 0):
            return
        super()._tell(at_ms, kind, ENDED[kind][place % 3] if kind in ENDED else data, **about)


class FullReporter(Reporter):
    """The fleet's reports, with others between them."""

    def __init__(self, shape: Shape, generator: np.random.Generator) -> None:
        super().__init__(shape, generator)
        self._fuller = random.Random(shape.seed + 8)

    def reports_of(self, attempt: Attempt) -> list[Line]:
        """All that it reports, in order of time."""
        *usual, completion, outcome = super().reports_of(attempt)
        began, ends = attempt.running_ms + 500, attempt.end_ms - 1_000
        more = sorted((self._fuller.randrange(began, ends), *self._draw_one(attempt)) for _ in range(self._many()))
        more += [(at, *said) for at, said in zip(*self._heap(attempt, began, ends), strict=True)]
        lines = [self._line(attempt, *one) for one in more]
        ordered = sorted([*usual, *lines], key=lambda line: line.at)
        told = [*ordered, completion, self._changed(outcome)]
        numbered = [line._replace(seq=n + 1) for n, line in enumerate(told)]
        return self._refer(numbered)

    def _many(self) -> int:
        return self._fuller.randrange(*EXTRAS)

    def _draw_one(self, attempt: Attempt) -> tuple[str, str, str]:
        kinds = tuple(KINDS)
        favourite = kinds[crc32(f"{attempt.task_id} {attempt.number}".encode()) % len(kinds)]
        kind = favourite if self._fuller.random() < FAVOURED else self._fuller.choice(kinds)
        return kind, *KINDS[kind](self._fuller, attempt)

    def _heap(self, attempt: Attempt, began: int, ends: int) -> tuple[list[int], list[tuple[str, str, str]]]:
        """Samples of a heap that grows, or rests."""
        chance = self._fuller
        if crc32(attempt.task_id.encode()) % LEAKING:
            return [], []
        begins_mb, grows_mb = chance.choice((100, 400)), chance.choice((0, 12, 30, 200))
        times = sorted(chance.randrange(began, ends) for _ in range(HEAP_SAMPLES))
        span = max(times[-1] - times[0], 1)
        heaps = [begins_mb + grows_mb * (at - times[0]) / span + chance.uniform(-3, 3) for at in times]
        return times, [("resource", "observed", resting(round(heap, 2), chance)) for heap in heaps]

    def _line(self, attempt: Attempt, at_ms: int, kind: str, evidence: str, body: str) -> Line:
        worker, task = attempt.worker.worker_id, attempt.task_id
        return Line(self._ids.one(at_ms), kind, worker, task, attempt.number, 0, instant(at_ms), evidence, body)

    def _changed(self, outcome: Line) -> Line:
        """Some outcomes lack what was observed or claimed; some observed tests and coverage."""
        chance, body = self._fuller, orjson.loads(outcome.body)
        if chance.random() < 0.25:
            del body["observed"]
        elif chance.random() < 0.5:
            body["observed"] |= _seen(chance)
        if chance.random() < 0.1:
            del body["claimed"]
        return outcome._replace(body=orjson.dumps(body).decode())

    def _refer(self, lines: list[Line]) -> list[Line]:
        """Recoveries that name an error name one of their attempt, or one that nobody knows."""
        errors = [line.event_id for line in lines if line.kind == "error"]
        unknown = self._ids.one(0)
        return [
            line._replace(body=line.body.replace(RECOVERED, self._fuller.choice([*errors, unknown])))
            if line.kind == "recovery"
            else line
            for line in lines
        ]


def _seen(chance: random.Random) -> dict[str, Any]:
    failed = chance.randrange(3)
    counts = {"total": 30, "passed": 30 - failed, "failed": failed, "exit_code": int(failed > 0)}
    coverage = [
        {"path": f"c{n}.xml", "line_percent": round(chance.uniform(50, 90), 2), "branch_percent": branch}
        for n, branch in enumerate(chance.choice(((40.5,), (60.0, None), (None,))))
    ]
    return {"tests": [{"path": "j.xml", "counts": counts}], "coverage": coverage}
