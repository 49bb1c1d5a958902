"""Which worker takes which task: hard requirements first, then the best score, in the order of the queue."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from contracts.workers import WorkerStatus
from orchestrator.domain import Demand, Experience, Queued, Worker

SUCCESS_WEIGHT = 0.6
SPEED_WEIGHT = 0.3
WARM_WEIGHT = 0.3
ABOVE_SLOTS = 1
"""Helpers that a worker takes when its slots are full: else workers that all ask each other would all wait."""
ABOVE_COST = 2.0
"""More than all merit: help goes above the slots of one worker only if no other has a slot free."""
_UNKNOWN = Experience()


class Pairing(NamedTuple):
    """A task and the worker that it goes to."""

    task: Queued
    worker_id: str


def fits(demand: Demand, worker: Worker) -> bool:
    """Whether the worker meets every hard requirement, whatever it is doing now."""
    asked = demand.worker_id in {None, worker.worker_id} and demand.but_not != worker.worker_id
    return asked and demand.tags <= worker.tags and demand.capabilities <= worker.capabilities


def most_live(worker: Worker, *, is_help: bool) -> int:
    """How many live attempts the worker may have once it takes such a task."""
    has_slots = worker.slots_total > 0
    return worker.slots_total + ABOVE_SLOTS if is_help and has_slots else worker.slots_total


def can_take(demand: Demand, worker: Worker, used: int) -> bool:
    """Whether the worker could take one more such task now; `used` is how many live attempts it has."""
    has_room = used < most_live(worker, is_help=demand.is_help)
    return worker.status is WorkerStatus.online and has_room and fits(demand, worker)


def merit(experience: Experience, fastest_ms: float, *, has_repository: bool) -> float:
    """What speaks for a worker, apart from its load: success, speed against the fastest, a warm workspace."""
    tried = experience.completed + experience.failed
    success = (experience.completed + 1) / (tried + 2)
    speed = min(1.0, fastest_ms / experience.mean_ms) if experience.mean_ms > 0 and fastest_ms > 0 else 1.0
    warm = WARM_WEIGHT if has_repository and tried else 0.0
    return SUCCESS_WEIGHT * success + SPEED_WEIGHT * speed + warm


def line_sizes(
    demands: Mapping[str, Demand], workers: Sequence[Worker], used: Mapping[str, int], most: int
) -> dict[str, int]:
    """How many tasks of each line could be placed now; lines for which nothing is free are left out."""
    by_id = {worker.worker_id: worker for worker in workers if worker.status is WorkerStatus.online}
    rooms = {is_help: _rooms(by_id.values(), used, is_help=is_help) for is_help in (False, True)}
    sizes: dict[str, int] = {}
    for key, demand in demands.items():
        free, asked = rooms[demand.is_help], demand.worker_id
        candidates = free if asked is None else [asked] if asked in free else []
        room = sum(free[worker_id] for worker_id in candidates if fits(demand, by_id[worker_id]))
        if room > 0:
            sizes[key] = min(most, room)
    return sizes


def match(
    queue: Iterable[Queued], demands: Mapping[str, Demand], workers: Sequence[Worker], used: Mapping[str, int]
) -> list[Pairing]:
    """Pair tasks with free slots, each task with its best worker. `used` counts live attempts by worker."""
    taken = dict(used)
    lines: dict[str, _Line] = {}
    pairings: list[Pairing] = []
    for task in sorted(queue, key=lambda queued: (queued.rank_at, queued.task_id)):
        if task.demand_key not in lines:
            lines[task.demand_key] = _Line(demands[task.demand_key], workers, taken)
        worker = lines[task.demand_key].choose(task)
        if worker is not None:
            taken[worker.worker_id] = taken.get(worker.worker_id, 0) + 1
            pairings.append(Pairing(task, worker.worker_id))
    return pairings


def _rooms(workers: Iterable[Worker], used: Mapping[str, int], *, is_help: bool) -> dict[str, int]:
    """How many more each worker may take, of those that may take any."""
    free = {w.worker_id: most_live(w, is_help=is_help) - used.get(w.worker_id, 0) for w in workers}
    return {worker_id: room for worker_id, room in free.items() if room > 0}


class _Line:
    """The workers that one demand admits: all of them by load, and by kind of work those that have done it before."""

    def __init__(self, demand: Demand, workers: Sequence[Worker], taken: dict[str, int]) -> None:
        self._taken = taken
        self._is_help = demand.is_help
        self._able = [w for w in workers if can_take(demand, w, taken.get(w.worker_id, 0))]
        self._by_load = _Heap(self._able, self._load, self._is_full)
        self._experienced: dict[str, tuple[_Heap, float]] = {}

    def choose(self, task: Queued) -> Worker | None:
        experienced, fastest_ms = self._experts(task)
        best = self._cheapest(task, fastest_ms, experienced.best(None), self._by_load.best(None))
        if best is None or best.worker_id != task.avoid_worker:
            return best
        avoid = task.avoid_worker
        other = self._cheapest(task, fastest_ms, experienced.best(avoid), self._by_load.best(avoid))
        return other or best

    def _experts(self, task: Queued) -> "tuple[_Heap, float]":
        if task.work_key not in self._experienced:
            experts = [w for w in self._able if task.work_key in w.experience]
            fastest_ms = min((w.experience[task.work_key].mean_ms for w in experts), default=0.0)
            heap = _Heap(experts, lambda worker: self._cost(worker, task, fastest_ms), self._is_full)
            self._experienced[task.work_key] = (heap, fastest_ms)
        return self._experienced[task.work_key]

    def _cheapest(self, task: Queued, fastest_ms: float, *found: Worker | None) -> Worker | None:
        candidates = [worker for worker in found if worker is not None]
        return min(candidates, key=lambda worker: self._cost(worker, task, fastest_ms), default=None)

    def _cost(self, worker: Worker, task: Queued, fastest_ms: float) -> float:
        experience = worker.experience.get(task.work_key, _UNKNOWN)
        return self._load(worker) - merit(experience, fastest_ms, has_repository=task.has_repository)

    def _load(self, worker: Worker) -> float:
        taken = self._taken.get(worker.worker_id, 0)
        return taken / worker.slots_total + (ABOVE_COST if taken >= worker.slots_total else 0.0)

    def _is_full(self, worker: Worker) -> bool:
        return self._taken.get(worker.worker_id, 0) >= most_live(worker, is_help=self._is_help)


class _Heap:
    """Workers by cost. Costs only rise during a round: an old entry is at worst too cheap, and put right."""

    def __init__(
        self, workers: Iterable[Worker], cost: Callable[[Worker], float], is_full: Callable[[Worker], bool]
    ) -> None:
        self._cost, self._is_full = cost, is_full
        self._entries = [(cost(worker), worker.worker_id, worker) for worker in workers]
        heapq.heapify(self._entries)

    def best(self, without: str | None) -> Worker | None:
        aside = None
        while self._entries:
            cost, worker_id, worker = self._entries[0]
            if self._is_full(worker):
                heapq.heappop(self._entries)
            elif worker_id == without:
                aside = heapq.heappop(self._entries)
            elif (now := self._cost(worker)) > cost:
                heapq.heapreplace(self._entries, (now, worker_id, worker))
            else:
                break
        found = self._entries[0][2] if self._entries else None
        if aside:
            heapq.heappush(self._entries, aside)
        return found
