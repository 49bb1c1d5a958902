"""Which tasks there are, who tries them, when, and how each attempt ends."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tests.load.fleet.shape import DAY_MS, Shape, TaskClass, Worker

HOUR_MS = 3_600_000
RETRIES = 0.12
MOST_ATTEMPTS = 3
PRIORITIES = ("critical", "high", "medium", "medium", "medium", "low")
ENDS = ("completed", "failed", "timed_out", "cancelled")
END_SHARES = (0.86, 0.09, 0.03, 0.02)
RETRIED_SHARE = 0.7
DISAGREEING_SHARE = 0.02
BACKOFF_MS = 30_000
BUSY_HOUR = 14
"""Of the day in UTC, at which most tasks come; weekends are quiet."""
WEEKEND_SHARE = 0.3


class Attempt(NamedTuple):
    """One attempt, from its assignment to its end, in milliseconds since 1970."""

    task_id: str
    number: int
    worker: Worker
    task_class: TaskClass
    priority: str
    created_ms: int
    assigned_ms: int
    running_ms: int
    end_ms: int
    end: str
    """The task's end, or `requeued`: another attempt follows."""
    outcome: str
    """What the worker-agent says."""
    disagrees: bool
    """The agent claims success, and the checks fail."""
    events: int

    @property
    def lasted_ms(self) -> int:
        """From start to end."""
        return self.end_ms - self.running_ms


class Planner:
    """Plans tasks one after the other, in the order of their creation."""

    def __init__(self, shape: Shape, random: np.random.Generator) -> None:
        self._shape, self._random = shape, random
        weights = np.array([one.weight for one in shape.classes])
        self._weights = weights / weights.sum()
        # The mean of the lognormal is to be `per_attempt`.
        self._sigma = 0.5
        self._mu = math.log(shape.per_attempt) - self._sigma**2 / 2

    def tasks(self) -> Iterator[list[Attempt]]:
        """The attempts of each task, oldest task first."""
        tasks = max(round(self._shape.attempts / (1 + RETRIES * RETRIED_SHARE)), 1)
        for number, created_ms in enumerate(self._creations(tasks)):
            if attempts := self._task(number, created_ms):
                yield attempts

    def _creations(self, tasks: int) -> Iterator[int]:
        """Times of creation: by the hour, each with its share of the day's and the week's load."""
        hours = np.arange(self._shape.begin_ms, self._shape.end_ms, HOUR_MS)
        shares = _load(hours)
        for hour, count in zip(hours.tolist(), self._random.multinomial(tasks, shares / shares.sum()), strict=True):
            yield from np.sort(self._random.integers(hour, hour + HOUR_MS, count)).tolist()

    def _task(self, number: int, created_ms: int) -> list[Attempt]:
        random = self._random
        task_class = self._shape.classes[random.choice(len(self._weights), p=self._weights)]
        priority = PRIORITIES[random.integers(len(PRIORITIES))]
        task_id = f"task-{self._shape.seed:04d}-{number:07d}"
        attempts: list[Attempt] = []
        free_ms = created_ms
        while len(attempts) < MOST_ATTEMPTS:
            attempt = self._attempt(task_id, len(attempts) + 1, task_class, priority, created_ms, free_ms)
            attempts.append(attempt)
            if attempt.end != "requeued":
                break
            free_ms = attempt.end_ms + BACKOFF_MS
        return [attempt for attempt in attempts if attempt.end_ms < self._shape.end_ms]

    def _attempt(
        self, task_id: str, number: int, task_class: TaskClass, priority: str, created_ms: int, free_ms: int
    ) -> Attempt:
        random, planted = self._random, self._shape.planted
        worker = self._shape.fleet[random.integers(len(self._shape.fleet))]
        assigned_ms = free_ms + int(random.lognormal(math.log(8_000), 1.2))
        running_ms = assigned_ms + int(random.lognormal(math.log(1_500), 0.4))
        share = planted.disagreeing_share if worker.worker_id == planted.disagreeing_worker else DISAGREEING_SHARE
        disagrees = random.random() < share
        outcome = "failed" if disagrees else ENDS[random.choice(len(ENDS), p=END_SHARES)]
        retried = outcome in {"failed", "timed_out"} and number < MOST_ATTEMPTS and random.random() < RETRIED_SHARE
        lasted_ms = self._lasted_ms(task_class, worker, running_ms) * (1.0 if outcome == "completed" else 0.7)
        return Attempt(
            *(task_id, number, worker, task_class, priority, created_ms, assigned_ms, running_ms),
            end_ms=running_ms + max(int(lasted_ms), 20_000),
            end="requeued" if retried else outcome,
            outcome=outcome,
            disagrees=disagrees,
            events=int(min(max(random.lognormal(self._mu, self._sigma), 2), 8 * self._shape.per_attempt)),
        )

    def _lasted_ms(self, task_class: TaskClass, worker: Worker, at_ms: int) -> float:
        planted = self._shape.planted
        lasted_ms = self._random.lognormal(math.log(task_class.median_ms), task_class.sigma)
        if worker.worker_id == planted.slow_worker:
            lasted_ms *= planted.slow_factor
        if task_class.repository == planted.regressed_repository and at_ms >= planted.regressed_ms:
            lasted_ms *= planted.regressed_factor
        return min(lasted_ms, 6 * HOUR_MS)


def _load(hours: np.ndarray) -> np.ndarray:
    of_day = (hours % DAY_MS) / HOUR_MS
    # Day 0 was a Thursday.
    weekday = (hours // DAY_MS + 3) % 7
    return (1 + 0.8 * np.cos((of_day - BUSY_HOUR) * math.tau / 24)) * np.where(weekday >= 5, WEEKEND_SHARE, 1.0)
