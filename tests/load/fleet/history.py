"""The stream of sealed batches of a fleet's month, in the order of time, never all in memory."""

import heapq
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

import numpy as np
import orjson

from contracts import subjects
from contracts.decided import DecidedKind
from tests.load.fleet.attempts import Attempt, Planner
from tests.load.fleet.lines import Ids, Line, News, Sealed, instant
from tests.load.fleet.reports import Reporter
from tests.load.fleet.shape import Shape
from tests.load.fleet.texts import QUESTIONS

BATCH = 100
WORKERS_IN_A_SAMPLE = 100
ASKING_SHARE = 0.3
"""Of the attempts that ask the manager something."""
SAMPLES = [
    f'"slots_total":4,"slots_free":{n * 5 // 200},"cpu_percent":{90 * n / 200:.1f},"memory_mb":{1000 + 10 * n},'
    f'"round_trip_ms":{1 + n / 70:.2f},"spool_events":{n // 10}'
    for n in range(200)
]
"""How a worker may stand."""

Unsealed = tuple[int, int, str, str, Sequence[Line | News]]
"""When it is sealed, its place among those of the same moment, its subject, its producer, and what is in it."""


class History:
    """Every event of a shape's month."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        generator = np.random.default_rng(shape.seed)
        self._chance = random.Random(shape.seed + 2)
        self._ids = Ids(generator)
        self._planner, self._reporter = Planner(shape, generator), Reporter(shape, generator)
        self._orchestrator = f"orchestrator-{shape.seed}"
        self._waiting: list[Unsealed] = []
        self._tick = count()
        self._numbers: dict[str, int] = defaultdict(int)

    def batches(self) -> Iterator[Sealed]:
        """All batches, oldest first."""
        samples = self._samples()
        sample = next(samples, None)
        for attempts in self._planner.tasks():
            created_ms = attempts[0].created_ms
            while sample is not None and sample[0] <= created_ms:
                self._push(sample[0], "event.worker.sampled", self._orchestrator, [sample[1]])
                sample = next(samples, None)
            yield from self._until(created_ms)
            self._task(attempts)
        while sample is not None:
            self._push(sample[0], "event.worker.sampled", self._orchestrator, [sample[1]])
            sample = next(samples, None)
        yield from self._until(self.shape.end_ms + 1)

    def _until(self, at_ms: int) -> Iterator[Sealed]:
        """What is sealed by then, numbered by lane in the order of sealing."""
        while self._waiting and self._waiting[0][0] <= at_ms:
            _, _, subject, producer, lines = heapq.heappop(self._waiting)
            lane = f"{producer}.{subjects.lane(subject)}"
            self._numbers[lane] += 1
            yield Sealed(subject, lane, self._numbers[lane], lines)

    def _push(self, at_ms: int, subject: str, producer: str, lines: Sequence[Line | News]) -> None:
        heapq.heappush(self._waiting, (at_ms, next(self._tick), subject, producer, lines))

    def _task(self, attempts: list[Attempt]) -> None:
        first = attempts[0]
        self._tell(first.created_ms, DecidedKind.task_queued, _about(first), task_id=first.task_id)
        for attempt in attempts:
            self._attempt(attempt)

    def _attempt(self, attempt: Attempt) -> None:
        said = {"task_id": attempt.task_id, "attempt": attempt.number, "worker_id": attempt.worker.worker_id}
        self._tell(attempt.assigned_ms, DecidedKind.task_assigned, _about(attempt), **said)
        self._tell(attempt.running_ms, DecidedKind.task_running, "{}", **said)
        self._report(self._reporter.reports_of(attempt), attempt)
        if self._chance.random() < ASKING_SHARE:
            self._ask(attempt, said)
        self._tell(attempt.end_ms + 300, DecidedKind(f"task.{attempt.end}"), "{}", **said)

    def _report(self, lines: Iterable[Line], attempt: Attempt) -> None:
        """Seal the reports of an attempt: so many of one subject at a time, and what is left at its end."""
        by_subject: dict[str, list[Line]] = defaultdict(list)
        worker, task = attempt.worker.worker_id, attempt.task_id
        subject_of: dict[str, str] = {}
        for line in lines:
            subject = subject_of.get(line.kind)
            if subject is None:
                subject = subject_of[line.kind] = subjects.for_event(line.kind, worker, task)
            by_subject[subject].append(line)
        for subject, group in by_subject.items():
            for start in range(0, len(group), BATCH):
                full = group[start : start + BATCH]
                at_ms = _time_of(full[-1].event_id) if len(full) == BATCH else attempt.end_ms
                self._push(at_ms, subject, f"{worker}-{self.shape.seed}", full)

    def _ask(self, attempt: Attempt, said: Mapping[str, object]) -> None:
        chance = self._chance
        asked_ms = attempt.running_ms + int(chance.random() * attempt.lasted_ms * 0.8)
        took_ms = min(int(chance.lognormvariate(11, 1)), attempt.end_ms - asked_ms)
        question_id, kind = f"q-{attempt.task_id}-{attempt.number}", chance.choice(QUESTIONS)
        body = {"question": "Which of the two first?", "question_type": kind, "options": ["this", "that"]}
        line = Line(
            *(self._ids.one(asked_ms), "question", attempt.worker.worker_id, attempt.task_id, attempt.number, 0),
            *(instant(asked_ms), "reported", orjson.dumps(body).decode(), f',"question_id":"{question_id}"'),
        )
        subject = subjects.for_event("question", attempt.worker.worker_id, None)
        self._push(asked_ms, subject, f"{attempt.worker.worker_id}-{self.shape.seed}", [line])
        end = chance.choices(("answered", "auto_answered", "expired"), (70, 20, 10))[0]
        about = {"question": body["question"], "kind": "question", "question_type": kind, "asked_at": instant(asked_ms)}
        told = {**said, "question_id": question_id}
        asked, closed = (orjson.dumps(about | {"state": state}).decode() for state in ("open", end))
        self._tell(asked_ms, DecidedKind.question_asked, asked, **told)
        news = DecidedKind.question_expired if end == "expired" else DecidedKind.question_answered
        self._tell(asked_ms + took_ms, news, closed, **told)

    def _tell(self, at_ms: int, kind: DecidedKind, data: str, **about: object) -> None:
        """News travel alone: an outbox sends each within a moment."""
        news = News(self._ids.one(at_ms), kind.value, instant(at_ms), data, **about)  # type: ignore[arg-type]
        producer = f"broker-{self.shape.seed}" if kind.value.startswith("question") else self._orchestrator
        self._push(at_ms, subjects.for_decided(kind), producer, [news])

    def _samples(self) -> Iterator[tuple[int, News]]:
        """The fleet and the queue, every so often."""
        every_ms, fleet, chance = self.shape.sample_ms, self.shape.fleet, self._chance
        for at_ms in range(self.shape.begin_ms, self.shape.end_ms, every_ms):
            queue = f',"queue":{{"queued":{chance.randrange(6)},"assigned":2,"running":{chance.randrange(40)},'
            queue += f'"oldest_queued_ms":{chance.randrange(30_000)},"workers_online":{len(fleet)}}}'
            for start in range(0, len(fleet), WORKERS_IN_A_SAMPLE):
                some = fleet[start : start + WORKERS_IN_A_SAMPLE]
                stands = zip(some, chance.choices(SAMPLES, k=len(some)), strict=True)
                workers = ",".join([f'{{"worker_id":"{one.worker_id}",{how}}}' for one, how in stands])
                data = f'{{"every_ms":{every_ms}{queue if start == 0 else ""},"workers":[{workers}]}}'
                yield at_ms, News(self._ids.one(at_ms), "worker.sampled", instant(at_ms), data)


def _about(attempt: Attempt) -> str:
    about = {
        "priority": attempt.priority,
        "repository": attempt.task_class.repository,
        "task_class": attempt.task_class.name,
        "agent": attempt.worker.agent,
        "created_at": instant(attempt.created_ms),
    }
    return orjson.dumps(about).decode()


def _time_of(event_id: str) -> int:
    return int(event_id[:8] + event_id[9:13], 16)
