"""Raw events as plain facts: tasks and attempts, with what was reported of them in order."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

Json = dict[str, Any]
Scope = tuple[str, str]
"""What a figure is of: its kind, and which."""

SYSTEM: Scope = ("system", "all")
ENDS = ("completed", "failed", "cancelled", "timed_out", "requeued")


def ms_of(text: str) -> int:
    """Milliseconds since 1970."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@dataclass(eq=False)
class Attempt:
    """One worker's attempt: what the orchestrator said of it, and what the worker reported, by `seq`."""

    task_id: str
    number: int
    worker_id: str
    about: Json | None = None
    assigned: int | None = None
    running: int | None = None
    ended: int | None = None
    end: str | None = None
    is_lost: bool = False
    """Given up without a word of its worker."""
    reports: list[Json] = field(default_factory=list[Json])

    def of(self, *kinds: str) -> list[Json]:
        """Its reports of these kinds."""
        return [one for one in self.reports if one["kind"] in kinds]

    @cached_property
    def outcome(self) -> Json | None:
        """The body of the newest outcome; that of a lost attempt is stale."""
        told = self.of("outcome") if not self.is_lost else []
        return told[-1]["body"] if told else None

    @property
    def observed(self) -> Json:
        """What its outcome says was observed; empty if nothing."""
        return (self.outcome or {}).get("observed") or {}

    @property
    def repository(self) -> str:
        """As the task names it."""
        return (self.about or {}).get("repository") or "-"

    @property
    def task_class(self) -> str:
        """Repository and class."""
        about = self.about or {}
        return f"{self.repository} / {about.get('task_class') or about.get('agent') or 'default'}"

    @cached_property
    def groups(self) -> frozenset[Scope]:
        """What its figures count for: nothing before its assignment is known."""
        if self.about is None:
            return frozenset()
        agent, model = self.observed.get("agent") or self.about.get("agent"), self.observed.get("model")
        named = (("agent", agent), ("model", model))
        return frozenset(
            [
                *(SYSTEM, ("worker", self.worker_id), ("repository", self.repository), ("task_class", self.task_class)),
                *(one for one in named if one[1]),
                *(("task", self.task_id), ("attempt", f"{self.task_id}/{self.number} {self.worker_id}")),
            ]
        )

    @property
    def unchanging(self) -> frozenset[Scope]:
        """Its groups without those whose names are certain only once the outcome has come."""
        return frozenset(one for one in self.groups if one[0] not in {"agent", "model"})

    @property
    def lasted(self) -> int | None:
        """From running, else from the assignment, to the end, in ms."""
        began = self.assigned if self.running is None else self.running
        return None if self.ended is None or began is None else max(self.ended - began, 0)

    def at(self, newest_ms: int | None) -> int | None:
        """When a figure counts: at the end; while it runs, at the newest report of that sort."""
        return None if newest_ms is None else newest_ms if self.ended is None else self.ended


@dataclass(eq=False)
class Task:
    """One task, as the orchestrator tells of it."""

    task_id: str
    news: list[Json] = field(default_factory=list[Json])

    def _times(self, *whats: str) -> list[int]:
        return [one["ms"] for one in self.news if one["what"] in whats]

    @property
    def created(self) -> int | None:
        """When it was first queued."""
        return min(self._times("queued"), default=None)

    @property
    def assigned(self) -> int | None:
        """When it was first assigned."""
        return min(self._times("assigned"), default=None)

    @property
    def about(self) -> Json:
        """What it is about, as it was queued."""
        return min((one["ms"], one["event_id"], one["data"]) for one in self.news if one["what"] == "queued")[2]

    @property
    def newest(self) -> tuple[int, str] | None:
        """Number and worker of the newest attempt."""
        tries = [(one["attempt"], one["worker_id"]) for one in self.news if one["what"] == "assigned"]
        return max(tries, default=None)

    @property
    def failure_class(self) -> str | None:
        """Why it failed, if it did."""
        return max((one["ms"], one["data"].get("failure_class")) for one in self.news if one["what"] in ENDS[:4])[1]

    @property
    def ending(self) -> tuple[int, str] | None:
        """When and how it ended, for good."""
        ends = [(one["ms"], one["what"]) for one in self.news if one["what"] in ENDS[:4]]
        if not ends or max(self._times("requeued"), default=0) > max(ends)[0]:
            return None
        return max(ends)


@dataclass(eq=False)
class World:
    """All that happened."""

    events: list[Json]
    news: list[Json]
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    tasks: list[Task] = field(default_factory=list[Task])

    def task(self, task_id: str) -> Task:
        """A task by its id."""
        return next(one for one in self.tasks if one.task_id == task_id)

    def attempt(self, task_id: str, number: int, worker_id: str) -> Attempt | None:
        """An attempt by what names it."""
        named = (task_id, number, worker_id)
        return next((one for one in self.attempts if (one.task_id, one.number, one.worker_id) == named), None)


def world_of(events: Iterable[Json], news: Iterable[Json]) -> World:
    """What these raw events tell."""
    reported = [one | {"ms": ms_of(one["occurred_at"])} for one in events]
    told = [one | {"ms": ms_of(one["occurred_at"]), "what": one["kind"].split(".")[1]} for one in news]
    world = World(reported, told)
    known: dict[tuple[str, int, str], Attempt] = {}
    tasks: defaultdict[str, list[Json]] = defaultdict(list)
    for one in told:
        if one["kind"].startswith("task."):
            tasks[one["task_id"]].append(one)
            if one.get("attempt"):
                _tell(_attempt_in(known, one), one)
    for one in sorted(reported, key=lambda one: (one["seq"], one["event_id"])):
        if one.get("attempt"):
            _attempt_in(known, one).reports.append(one)
    world.attempts = list(known.values())
    world.tasks = [Task(task_id, said) for task_id, said in tasks.items()]
    return world


def _attempt_in(known: dict[tuple[str, int, str], Attempt], one: Json) -> Attempt:
    named = one["task_id"], one["attempt"], one["worker_id"]
    return known.setdefault(named, Attempt(*named))


def _tell(attempt: Attempt, said: Json) -> None:
    what, at = said["what"], said["ms"]
    if what == "assigned":
        attempt.about, attempt.assigned = said["data"], at
    elif what == "running":
        attempt.running = at
    elif what in ENDS:
        attempt.end, attempt.ended = what, at
        attempt.is_lost = said["data"].get("attempt_state") == "lost"
