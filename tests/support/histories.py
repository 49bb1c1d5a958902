"""Made-up histories of tasks, and how they are delivered."""

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from nats.aio.msg import Msg

from contracts import streams, subjects
from contracts.batches import Batch
from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import EVENT_TYPES, QUESTION_KINDS, EventBase
from servicekit.bus import Outgoing, Received
from tests.support.examples import FULL, MINIMAL, NOW, event

PRODUCER = "spool-1"

Item = EventBase | DecidedEvent


@dataclass(frozen=True)
class Sealed:
    """A batch as it is delivered."""

    stream: str
    received: Received[Batch[Any]]


class History:
    """A made-up history: tasks, their attempts, and everything that workers may say, at random but repeatable.

    The seed keeps one history's tasks apart from another's: an attempt is assigned once.
    """

    def __init__(self, seed: int, tasks: int = 3, events: int = 60) -> None:
        self._random = random.Random(seed)
        self._ids = (seed % 2**16) << 24
        self.items: list[Item] = []
        self._tasks = [f"task-{seed}-{number}" for number in range(tasks)]
        for task_id in self._tasks:
            self._live(task_id)
        self.items += [self._event([*self._tasks, f"task-{seed}-unheard", None]) for _ in range(events)]
        self.items += [self._question(), self._sample()]

    def sealed(self, producer: str = PRODUCER) -> list[Sealed]:
        """The history in batches, as it happened."""
        by_subject: dict[str, list[Item]] = {}
        batches: list[list[Item]] = []
        for item in self.items:
            open_batch = by_subject.get(subject_of(item))
            if open_batch is None or self._random.random() < 0.3:
                open_batch = by_subject[subject_of(item)] = []
                batches.append(open_batch)
            open_batch.append(item)
        return [seal(batch, number, producer) for number, batch in enumerate(batches, 1)]

    def disturbed(self, batches: Sequence[Sealed]) -> list[Sealed]:
        """The same batches in any order, some of them again and again."""
        again = [one for one in batches if self._random.random() < 0.4]
        mixed = [*batches, *again, *again[: len(again) // 2]]
        self._random.shuffle(mixed)
        return mixed

    def _next_id(self, at: datetime) -> str:
        self._ids += 1
        ms = int(at.timestamp() * 1000)
        return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-{self._ids:012x}"

    def _at(self) -> datetime:
        return NOW + timedelta(
            milliseconds=self._random.choice([50, 5_000, 3_600_000, 90_000_000]) * self._random.random()
        )

    def _tell(self, kind: DecidedKind, at: datetime, data: dict[str, Any] | None = None, **about: Any) -> None:
        event_id = self._next_id(at)
        self.items.append(DecidedEvent(event_id=event_id, kind=kind, occurred_at=at, data=data or {}, **about))

    def _live(self, task_id: str) -> None:
        chance = self._random.random
        traits: dict[str, Any] = {"repository": self._random.choice(["r1", "r2", None]), "agent": "auditor"}
        about = {key: value for key, value in traits.items() if value}
        at = self._at()
        if chance() < 0.8:
            self._tell(DecidedKind.task_queued, at, about, task_id=task_id)
        for attempt in range(1, self._random.randint(1, 3) + 1):
            whose: dict[str, Any] = {"task_id": task_id, "attempt": attempt, "worker_id": f"w{attempt % 2 + 1}"}
            self._tell(DecidedKind.task_assigned, at := at + timedelta(seconds=chance() * 10), about, **whose)
            if chance() < 0.7:
                self._tell(DecidedKind.task_running, at := at + timedelta(seconds=chance()), **whose)
            if chance() < 0.9:
                ends = [DecidedKind.task_completed, DecidedKind.task_failed, DecidedKind.task_requeued]
                self._tell(self._random.choice(ends), at := at + timedelta(seconds=chance() * 4_000), **whose)

    def _event(self, tasks: Sequence[str | None]) -> EventBase:
        kind = self._random.choice(sorted(EVENT_TYPES))
        at, task_id = self._at(), self._random.choice(tasks)
        if kind in ("registered", "stream", "tool_call"):
            task_id = None if kind == "registered" else self._tasks[0]
        attempt = None if task_id is None else self._random.randint(1, 3)
        envelope = {
            "event_id": self._next_id(at),
            "task_id": task_id,
            "attempt": attempt,
            "worker_id": f"w{(attempt or 1) % 2 + 1}" if self._random.random() < 0.9 else "rogue",
            "seq": self._random.randint(0, 20),
            "occurred_at": at,
            "evidence": self._random.choice(["reported", "observed", "verified"]),
        }
        body = self._body(kind)
        if kind == "registered":
            body["worker_id"] = envelope["worker_id"]
        return event(kind, body, **envelope)

    def _body(self, kind: str) -> dict[str, Any]:
        body = copy.deepcopy(self._random.choice([FULL, FULL, MINIMAL])[kind])
        if kind == "progress":
            body["phase"] = self._random.choice(["design", "implementation", "tests"])
        if kind == "token_usage":
            body |= {"input_tokens": self._random.randint(0, 2**53), "cost_usd": self._random.random()}
        if kind == "milestone":
            body["milestone_type"] = self._random.choice(["bug_fixed", "test_passed"])
        return body

    def _question(self) -> DecidedEvent:
        at = self._at()
        data: dict[str, Any] = {
            "question_type": "technical",
            "state": "auto_answered",
            "asked_at": NOW.isoformat(),
        }
        about: dict[str, Any] = {"question_id": "q-1", "worker_id": "w1"}
        kind = DecidedKind.question_answered
        return DecidedEvent(event_id=self._next_id(at), kind=kind, occurred_at=at, data=data, **about)

    def _sample(self) -> DecidedEvent:
        at = self._at()
        queue = {"queued": 3, "assigned": 1, "running": 2, "oldest_queued_ms": 40, "workers_online": 2}
        worker = {"worker_id": "w1", "slots_total": 3, "slots_free": 1, "cpu_percent": 20.5, "round_trip_ms": 0.4}
        data = {"every_ms": 10_000, "queue": queue, "workers": [worker]}
        return DecidedEvent(
            event_id=self._next_id(at), kind=DecidedKind.worker_sampled, occurred_at=at, data=cast(Any, data)
        )


def subject_of(item: Item) -> str:
    """Where an event or a decision is published."""
    if isinstance(item, DecidedEvent):
        return subjects.for_decided(item.kind)
    return subjects.for_event(cast(Any, item).kind, item.worker_id, item.task_id)


def seal(items: Sequence[Item], number: int, producer: str = PRODUCER) -> Sealed:
    """A batch of one subject."""
    first = items[0]
    if isinstance(first, DecidedEvent):
        stream = streams.EVENTS
    else:
        stream = streams.QUESTIONS if cast(Any, first).kind in QUESTION_KINDS else streams.TELEMETRY
    batch = Batch[Any](producer=producer, batch=number, events=list(items))
    return Sealed(stream, Received(batch, Msg(cast(Any, None), subject=subject_of(first))))


def outgoing(batches: Sequence[Sealed]) -> list[Outgoing]:
    """The batches as they are published."""
    return [
        Outgoing(one.received.subject, one.received.batch.message_id, one.received.batch.to_json()) for one in batches
    ]
