"""How large a fleet is, who is in it, and what is planted in its history for reports to find."""

import json
import random
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple, Self

DAY_MS = 86_400_000
WORK = ("feature", "bug_fix", "tests", "refactoring", "upgrade", "audit")
CLASSES_EACH = 3
BESIDE = 8
"""Events beside the reports of an attempt: its claim and outcome, and what the platform decides about it."""
NAMES = (
    *("billing", "checkout", "search", "catalogue", "identity", "ledger", "mailer", "gateway", "portal", "reports"),
    *("scheduler", "storage", "sync", "tracker", "vault", "website", "inventory", "pricing", "fraud", "exports"),
)
AGENTS = (
    ("claude", "claude-sonnet-4-5", "anthropic", 3.0, 15.0),
    ("codex", "gpt-5-codex", "openai", 1.25, 10.0),
    ("gemini", "gemini-2.5-pro", "google", 1.25, 10.0),
)
"""Agent, model, provider, and USD for a million tokens of input and of output."""


class TaskClass(NamedTuple):
    """Tasks that are like each other: their usual time from start to end, and how much it varies (sigma of the log)."""

    repository: str
    name: str
    median_ms: float
    sigma: float
    weight: float


class Worker(NamedTuple):
    """A worker and the agent it runs."""

    worker_id: str
    agent: str
    model: str
    provider: str
    usd_input: float
    usd_output: float


class Planted(NamedTuple):
    """What is unusual in a history."""

    slow_worker: str
    slow_factor: float
    regressed_repository: str
    regressed_ms: int
    """Since when, in milliseconds since 1970."""
    regressed_factor: float
    leaking_worker: str
    leak_mb_per_hour: float
    flaky_repository: str
    flaky_suite: str
    flaky_test: str
    new_error_type: str
    new_error_ms: int
    """Since when it is seen, in milliseconds since 1970."""
    disagreeing_worker: str
    """Its agents claim what the platform's own checks refute."""
    disagreeing_share: float


@dataclass(frozen=True)
class Shape:
    """A fleet and its month. `until` is the end of the history; the same shape always has the same one."""

    until: datetime
    events: int
    seed: int = 1
    days: int = 30
    workers: int = 200
    repositories: int = 20
    per_attempt: int = 400
    """Events that an attempt reports on average."""
    sampled_every_ms: int | None = None
    """How often the fleet is sampled; None: once a minute, or as seldom as keeps it at a hundredth of the events."""

    def to_json(self) -> str:
        """All that makes the history."""
        return json.dumps(asdict(self) | {"until": self.until.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        given = json.loads(text)
        return cls(**given | {"until": datetime.fromisoformat(given["until"])})

    @property
    def end_ms(self) -> int:
        """The end in milliseconds since 1970."""
        return int(self.until.timestamp()) * 1000

    @property
    def begin_ms(self) -> int:
        """The beginning in milliseconds since 1970."""
        return self.end_ms - self.days * DAY_MS

    @property
    def attempts(self) -> int:
        """About how many attempts there are."""
        return max(round(0.99 * self.events / (self.per_attempt + BESIDE)), 1)

    @property
    def sample_ms(self) -> int:
        """How much time a sample of the fleet stands for."""
        chunks = -(-self.workers // 100)
        seldom = self.days * DAY_MS * chunks * 100 // max(self.events, 1)
        return self.sampled_every_ms or max(60_000, seldom - seldom % 60_000)

    @cached_property
    def fleet(self) -> list[Worker]:
        """All workers."""
        return [Worker(f"worker-{number:03d}", *AGENTS[number % 7 % 3]) for number in range(1, self.workers + 1)]

    @cached_property
    def classes(self) -> list[TaskClass]:
        """All classes of tasks, the same whatever the seed; a few repositories have most of them."""
        chance = random.Random(0)
        return [
            TaskClass(repository, name, chance.uniform(8, 40) * 60_000, chance.uniform(0.3, 0.6), 1 / (place + 2))
            for place, repository in enumerate(self.repository_names)
            for name in chance.sample(WORK, CLASSES_EACH)
        ]

    @cached_property
    def repository_names(self) -> list[str]:
        """The repositories, the busiest first."""
        names = [f"https://example.org/{NAMES[n % len(NAMES)]}{n // len(NAMES) or ''}.git" for n in range(1000)]
        return names[: self.repositories]

    @cached_property
    def planted(self) -> Planted:
        """What reports must find."""
        workers = [worker.worker_id for worker in self.fleet]
        return Planted(
            slow_worker=workers[len(workers) // 5],
            slow_factor=2.5,
            regressed_repository=self.repository_names[1 % self.repositories],
            regressed_ms=self.end_ms - self.days * DAY_MS // 3,
            regressed_factor=2.5,
            leaking_worker=workers[2 * len(workers) // 5],
            leak_mb_per_hour=400.0,
            flaky_repository=self.repository_names[2 % self.repositories],
            flaky_suite="integration",
            flaky_test="tests/test_sync.py::test_retries_after_a_timeout",
            new_error_type="CertificateExpired",
            new_error_ms=self.end_ms - DAY_MS,
            disagreeing_worker=workers[3 * len(workers) // 5],
            disagreeing_share=0.6,
        )
