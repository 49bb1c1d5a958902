"""Two days of a small fleet with a known story, as events and as the plain facts that they were made of.

Two workers work on one repository. Yesterday they are alike. Today `slow` takes three times as long and fails often,
coverage has fallen by ten points, an error appeared that retrying helps against, and some claims do not hold.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import EventBase
from servicekit.ids import new_event_id
from tests.support.examples import MINIMAL, event

REPOSITORY = "https://git.example/shop.git"
CLASS = "feature"
FAST, SLOW = "fast", "slow"
EACH = 20
"""Tasks of each worker a day."""
STRATEGIES = {"retry": (9, 8), "restart": (6, 1)}
"""How often each was tried, and worked."""
MESSAGE = "cannot read 'price' of order {number}"
ENDS = {"completed": DecidedKind.task_completed, "failed": DecidedKind.task_failed}


@dataclass(frozen=True)
class Run:
    """One attempt, which is its task's only one."""

    task_id: str
    worker_id: str
    created_at: datetime
    waited_ms: int
    lasted_ms: int
    end: str
    coverage: float
    passed: int
    failed: int
    memory_mb: float
    cost_usd: float
    claim_holds: bool
    decision: str | None

    @property
    def assigned_at(self) -> datetime:
        """When it began."""
        return self.created_at + timedelta(milliseconds=self.waited_ms)

    @property
    def ended_at(self) -> datetime:
        """When it ended."""
        return self.assigned_at + timedelta(milliseconds=self.lasted_ms)


@dataclass
class Story:
    """What happened."""

    runs: list[Run]
    events: list[EventBase] = field(default_factory=list[EventBase])
    news: list[DecidedEvent] = field(default_factory=list[DecidedEvent])
    depths: list[int] = field(default_factory=list[int])
    round_trips: list[float] = field(default_factory=list[float])
    answers_ms: list[int] = field(default_factory=list[int])

    def replied_ms(self, run: Run) -> float:
        """How long it took from the assignment to the first word of the agent."""
        said = [
            one.occurred_at for one in self.events if one.task_id == run.task_id and one.evidence.value == "reported"
        ]
        return (min(said) - run.assigned_at).total_seconds() * 1000

    def of(self, since: datetime, worker_id: str | None = None, until: datetime | None = None) -> list[Run]:
        """Runs that ended in a time."""
        return [
            run
            for run in self.runs
            if run.ended_at >= since
            and (until is None or run.ended_at < until)
            and (worker_id is None or run.worker_id == worker_id)
        ]


def tell(now: datetime, seed: int = 7) -> Story:
    """The story, as it stands at `now`."""
    random = np.random.default_rng(seed)
    story = Story([*_day(random, now - timedelta(hours=36), False), *_day(random, now - timedelta(hours=12), True)])
    sequence: defaultdict[str, int] = defaultdict(int)
    for run in story.runs:
        story.news += _books(run)
        story.events += _reports(run, sequence)
    _errors(story, now, sequence)
    _samples(story, random, now)
    _questions(story, random, now)
    return story


def _day(random: Any, begins_at: datetime, today: bool) -> Iterator[Run]:
    for number in range(EACH):
        for worker_id in (FAST, SLOW):
            slow = today and worker_id == SLOW
            failed = slow and number % 2 == 0
            yield Run(
                task_id=f"task-{'now' if today else 'before'}-{worker_id}-{number}",
                worker_id=worker_id,
                created_at=begins_at + timedelta(minutes=20 * number),
                waited_ms=int(random.integers(100, 5_000)),
                lasted_ms=int(60_000 * (3 if slow else 1) * random.lognormal(0, 0.2)),
                end="failed" if failed else "completed",
                coverage=round(float((80 if today else 90) + random.normal(0, 0.5)), 2),
                passed=95 if today else 100,
                failed=5 if today else 0,
                memory_mb=round(float(random.uniform(200, 400)), 1),
                cost_usd=round(float(random.uniform(0.05, 0.5)), 4),
                claim_holds=not failed or number % 4 != 0,
                decision="architectural" if number < 12 else None,
            )


def _books(run: Run) -> Iterator[DecidedEvent]:
    about = {
        "repository": REPOSITORY,
        "task_class": CLASS,
        "agent": "auditor",
        "created_at": run.created_at.isoformat().replace("+00:00", "Z"),
    }
    yield _news(DecidedKind.task_queued, run.created_at, run.task_id, data=about)
    yield _news(DecidedKind.task_assigned, run.assigned_at, run.task_id, 1, run.worker_id, about)
    yield _news(ENDS[run.end], run.ended_at, run.task_id, 1, run.worker_id, {})


def _reports(run: Run, sequence: defaultdict[str, int]) -> Iterator[EventBase]:
    def report(kind: str, share: float, body: dict[str, Any], evidence: str = "reported") -> EventBase:
        sequence[run.task_id] += 1
        return event(
            kind,
            MINIMAL[kind] | body,
            event_id=new_event_id(),
            seq=sequence[run.task_id],
            task_id=run.task_id,
            attempt=1,
            worker_id=run.worker_id,
            occurred_at=run.assigned_at + timedelta(milliseconds=round(share * run.lasted_ms)),
            evidence=evidence,
        )

    yield report("progress", 0.1, {"status": "executing", "phase": "analysis"})
    yield report("progress", 0.4, {"status": "executing", "phase": "implementation"})
    if run.decision:
        body = {"decision_type": run.decision, "chosen_option": "jwt", "alternatives": ["sessions"]}
        yield report("decision", 0.5, body | {"description": "tokens", "confidence_percent": 80})
    if run.task_id == "task-now-fast-0":
        body = {"decision_type": "architectural", "chosen_option": "sessions", "description": "tokens"}
        yield report("decision", 0.6, body | {"reasoning": "simpler"})
    counts = {"total": run.passed + run.failed, "passed": run.passed, "failed": run.failed}
    yield report("tests", 0.8, {"test_suite": "unit", "results": counts}, "observed")
    yield report("coverage", 0.9, {"line_percent": run.coverage}, "observed")
    claimed = {"status": "completed"}
    observed = {
        "agent": "auditor",
        "model": "gpt-x",
        "wall_ms": run.lasted_ms,
        "memory_peak_mb": run.memory_mb,
        "tokens_input": 1_000,
        "tokens_output": 200,
        "cost_usd": run.cost_usd,
    }
    outcome = {
        "status": run.end,
        "started_at": run.assigned_at.isoformat().replace("+00:00", "Z"),
        "ended_at": run.ended_at.isoformat().replace("+00:00", "Z"),
        "claimed": claimed,
        "observed": observed,
        "discrepancies": [] if run.claim_holds else ["it says that all tests pass, but the test run failed"],
    }
    yield report("outcome", 1.0, outcome, "observed")


def _errors(story: Story, now: datetime, sequence: defaultdict[str, int]) -> None:
    """An error of today that was tried against, and one of both days."""
    today = [run for run in story.runs if run.task_id.startswith("task-now")]
    tries = [(name, place < worked) for name, (tried, worked) in STRATEGIES.items() for place in range(tried)]
    for number, (strategy, successful) in enumerate(tries):
        run = today[number % len(today)]
        error = _of(run, "error", sequence, {"error_type": "TypeError", "message": MESSAGE.format(number=number)})
        body = {"error_type": "TypeError", "strategy": strategy, "successful": successful}
        story.events += [error, _of(run, "recovery", sequence, body | {"error_event_id": error.event_id})]
    for run in story.runs[:3] + today[:4]:
        body = {"error_type": "timeout", "message": "gave up", "severity": "warning"}
        story.events.append(_of(run, "error", sequence, body))


def _of(run: Run, kind: str, sequence: defaultdict[str, int], body: dict[str, Any]) -> EventBase:
    sequence[run.task_id] += 1
    return event(
        kind,
        MINIMAL[kind] | body,
        event_id=new_event_id(),
        seq=sequence[run.task_id],
        task_id=run.task_id,
        attempt=1,
        worker_id=run.worker_id,
        occurred_at=run.assigned_at + timedelta(seconds=1),
    )


def _samples(story: Story, random: Any, now: datetime) -> None:
    for number in range(60):
        depth, trip = int(random.integers(0, 30)), round(float(random.gamma(2, 2)), 3)
        story.depths.append(depth)
        story.round_trips.append(trip)
        queue = {"queued": depth, "assigned": 0, "running": 2, "oldest_queued_ms": 1_000 * depth, "workers_online": 2}
        worker = {"worker_id": FAST, "slots_total": 4, "slots_free": 1, "round_trip_ms": trip}
        data = {"every_ms": 60_000, "queue": queue, "workers": [worker]}
        story.news.append(_news(DecidedKind.worker_sampled, now - timedelta(minutes=5 * number + 5), data=data))


def _questions(story: Story, random: Any, now: datetime) -> None:
    for number in range(12):
        asked_at, took = now - timedelta(minutes=30 * number + 40), int(random.integers(1_000, 60_000))
        story.answers_ms.append(took)
        told = {"question_type": "technical", "kind": "question"}
        story.news.append(_news(DecidedKind.question_asked, asked_at, worker_id=FAST, data=told))
        state = "auto_answered" if number % 4 == 0 else "answered"
        data = told | {"state": state, "asked_at": asked_at.isoformat()}
        answered_at = asked_at + timedelta(milliseconds=took)
        story.news.append(_news(DecidedKind.question_answered, answered_at, worker_id=FAST, data=data))


def _news(
    kind: DecidedKind,
    at: datetime,
    task_id: str | None = None,
    attempt: int | None = None,
    worker_id: str | None = None,
    data: dict[str, Any] | None = None,
) -> DecidedEvent:
    return DecidedEvent(
        event_id=new_event_id(),
        kind=kind,
        occurred_at=at,
        task_id=task_id,
        attempt=attempt,
        worker_id=worker_id,
        data=data or {},
    )
