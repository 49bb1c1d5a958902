"""What an attempt reports between its start and its end, in order."""

import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.load.fleet.attempts import HOUR_MS, Attempt
from tests.load.fleet.lines import Ids, Line, instants
from tests.load.fleet.measures import MEASURES
from tests.load.fleet.moments import Draft, Moment
from tests.load.fleet.shape import Shape
from tests.load.fleet.texts import PHASES, STATUSES, TOOLS, stream_bodies, tool_bodies

SHARES = {
    "stream": 0.655,
    "tool_call": 0.122,
    "progress": 0.080,
    "resource": 0.060,
    "token_usage": 0.017,
    "tests": 0.009,
    "coverage": 0.005,
    "quality": 0.009,
    "decision": 0.008,
    "error": 0.007,
    "recovery": 0.003,
    "milestone": 0.006,
    "code_change": 0.006,
    "api_quota": 0.003,
    "analytics": 0.003,
    "plan": 0.002,
    "benchmark": 0.002,
    "security_scan": 0.001,
    "dependency_analysis": 0.001,
    "profile": 0.001,
}
"""Of each kind among what is reported while an attempt runs; the claim and the outcome come at its end."""
KINDS = tuple(SHARES)
CUMULATED = np.cumsum(np.array(list(SHARES.values())) / sum(SHARES.values()))
RESOURCES = (*["memory"] * 5, *["cpu"] * 2, "disk", "network", "database")
TOOL_NAMES = tuple(TOOLS)


class Drawn(NamedTuple):
    """Random numbers for each report of one attempt, drawn at once."""

    pick: list[int]
    share: list[float]
    log: list[float]


class Reporter:
    """Writes the reports of attempts."""

    def __init__(self, shape: Shape, generator: np.random.Generator) -> None:
        self._shape, self._generator, self._ids = shape, generator, Ids(generator)
        self._chance = random.Random(shape.seed + 1)
        self._streams = [Draft("reported", body) for body in stream_bodies(self._chance)]
        self._tools = tool_bodies(self._chance)
        self._bodies: dict[str, Callable[[Moment], Draft]] = MEASURES

    def reports_of(self, attempt: Attempt) -> list[Line]:
        """All that it reports, in order."""
        count = attempt.events
        first, last = attempt.running_ms + 500, attempt.end_ms - 1_000
        times: list[int] = np.sort(self._generator.integers(first, last, count)).tolist()
        kinds: list[int] = np.searchsorted(CUMULATED, self._generator.random(count), side="right").tolist()
        drawn = self._draw(count)
        times += [last + 200, attempt.end_ms]
        ids, at = self._ids.of(times), instants(times)
        worker, task, number = attempt.worker.worker_id, attempt.task_id, attempt.number
        streams, some = self._streams, len(self._streams)
        lines: list[Line] = []
        for n, kind in enumerate(kinds):
            draft = self._body(attempt, kind, n, times[n], drawn) if kind else streams[drawn.pick[n] % some]
            lines.append(Line(ids[n], KINDS[kind], worker, task, number, n + 1, at[n], *draft))
        for n, kind in ((count, "completion"), (count + 1, "outcome")):
            moment = self._moment(attempt, kind, n, times[n])
            lines.append(Line(ids[n], kind, worker, task, number, n + 1, at[n], *MEASURES[kind](moment)))
        return lines

    def _draw(self, count: int) -> Drawn:
        pick: list[int] = self._generator.integers(1 << 30, size=count).tolist()
        share: list[float] = self._generator.random(count).tolist()
        log: list[float] = np.exp(self._generator.standard_normal(count)).tolist()
        return Drawn(pick, share, log)

    def _body(self, attempt: Attempt, kind: int, n: int, at_ms: int, drawn: Drawn) -> Draft:
        if kind == 1:
            return self._tool_call(attempt, n, drawn)
        if kind == 2:
            return self._progress(attempt, at_ms, drawn.share[n], drawn.log[n])
        if kind == 3:
            return self._resource(attempt, at_ms, drawn.pick[n], drawn.log[n])
        name = KINDS[kind]
        return self._bodies[name](self._moment(attempt, name, n, at_ms))

    def _moment(self, attempt: Attempt, kind: str, n: int, at_ms: int) -> Moment:
        return Moment(self._shape, attempt, self._chance, kind, n, at_ms)

    def _tool_call(self, attempt: Attempt, n: int, drawn: Drawn) -> Draft:
        tool = TOOL_NAMES[drawn.pick[n] % len(TOOL_NAMES)]
        usual_ms, failing = TOOLS[tool]
        bodies = self._tools[tool]
        head, tail = bodies[drawn.pick[n] // 7 % len(bodies)]
        status = "failed" if drawn.share[n] < failing else "completed"
        evidence = "observed" if attempt.worker.agent == "claude" else "reported"
        took_ms = int(usual_ms * drawn.log[n])
        return Draft(evidence, f'{head}"status":"{status}","call_id":"call-{n}","duration_ms":{took_ms},{tail}')

    def _progress(self, attempt: Attempt, at_ms: int, share: float, log: float) -> Draft:
        done = (at_ms - attempt.running_ms) / attempt.lasted_ms
        phase = min(int(done * len(PHASES)), len(PHASES) - 1)
        metrics = (
            f'"percent_complete":{100 * done:.1f},"current_operation":"step {int(40 * done)}",'
            f'"memory_usage_mb":{self._memory_mb(attempt, at_ms, log):.1f},"cpu_usage_percent":{100 * share:.1f},'
            f'"files_analyzed":{int(60 * done)},"files_modified":{int(12 * done)},"tests_run":{int(200 * done)}'
        )
        return Draft("reported", f'{{"status":"{STATUSES[phase]}","phase":"{PHASES[phase]}","metrics":{{{metrics}}}}}')

    def _memory_mb(self, attempt: Attempt, at_ms: int, log: float) -> float:
        planted = self._shape.planted
        leaks = attempt.worker.worker_id == planted.leaking_worker
        return 300 + 5 * log + leaks * planted.leak_mb_per_hour * (at_ms - attempt.running_ms) / HOUR_MS

    def _resource(self, attempt: Attempt, at_ms: int, pick: int, log: float) -> Draft:
        resource = RESOURCES[pick % len(RESOURCES)]
        match resource:
            case "memory":
                used = self._memory_mb(attempt, at_ms, log)
                metrics = f'"used_mb":{used:.1f},"peak_mb":{used + 60:.1f},"heap_used_mb":{used * 0.7:.1f}'
            case "cpu":
                metrics = f'"percent":{min(12 * log, 100):.1f},"time_ms":{int(900 * log)}'
            case "disk":
                metrics = f'"used_mb":{900 + 50 * log:.1f},"read_mb":{2 * log:.2f},"write_mb":{log:.2f}'
            case "network":
                metrics = f'"sent_mb":{0.2 * log:.3f},"received_mb":{log:.3f},"requests":{int(3 * log)}'
            case _:
                metrics = f'"connections_active":{pick % 17},"connections_max":20'
        evidence = "observed" if resource in {"memory", "cpu"} else "reported"
        return Draft(evidence, f'{{"resource_type":"{resource}","metrics":{{{metrics}}}}}')
