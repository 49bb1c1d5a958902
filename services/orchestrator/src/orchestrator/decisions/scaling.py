"""How many workers there should be: up when work has waited for a while, down when they were idle for a long one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low
from typing import NamedTuple

from contracts.workers import WorkerStatus
from orchestrator.decisions.matching import fits
from orchestrator.domain import Demand, Line, Worker


@dataclass(frozen=True, slots=True)
class ScalePolicy:
    """Bounds, and how long a need must have lasted."""

    least: int = 0
    most: int = 1
    up_after_ms: int = 5_000
    """How long the first task in a line counts as waiting, with the head start of its priority, before it is more than
    a moment's delay."""
    down_after_ms: int = 300_000
    """For how long fewer workers must have been enough."""
    slots: int = 1
    """Tasks that a worker takes at a time, as long as none has said so."""


class Pressure(NamedTuple):
    """What workers are needed for: tasks that they could take, and the age of the first."""

    waiting: int = 0
    oldest_ms: float = 0.0


class Recommended(NamedTuple):
    """How many workers were enough at some moment (monotonic s)."""

    at: float
    replicas: int


class History(NamedTuple):
    """The greatest recommendations of late, falling, and since when (monotonic s) it goes without a gap."""

    since: float
    kept: tuple[Recommended, ...] = ()


def pressure(lines: Sequence[Line], fleet: Sequence[Worker], now: datetime) -> Pressure:
    """Due tasks that some worker of this fleet could take; while none has ever been seen, those that name none."""
    due = [line for line in lines if line.rank_at is not None and _is_for(line.demand, fleet)]
    oldest = min((line.rank_at for line in due if line.rank_at is not None), default=now)
    return Pressure(sum(line.waiting for line in due), max(0.0, (now - oldest) / timedelta(milliseconds=1)))


def slots_of(fleet: Sequence[Worker], policy: ScalePolicy) -> int:
    """How many tasks one more worker would take."""
    known = [worker.slots_total for worker in fleet if worker.slots_total and worker.status is not WorkerStatus.offline]
    return median_low(known) if known else max(1, policy.slots)


def needed(waiting: int, live: int, slots: int, policy: ScalePolicy) -> int:
    """How many workers all that work needs, within the bounds. `live`: attempts of workers that stay."""
    return min(policy.most, max(policy.least, math.ceil((waiting + live) / slots)))


def remembered(history: History, replicas: int, now: float, policy: ScalePolicy) -> History:
    """The history with one more recommendation, without what is too old or smaller than a later one."""
    oldest = now - policy.down_after_ms / 1000
    kept = [one for one in history.kept if one.at >= oldest and one.replicas > replicas]
    return History(history.since, (*kept, Recommended(now, replicas)))


def target(active: int, want: int, asked: Pressure, history: History, now: float, policy: ScalePolicy) -> int:
    """How many workers there should be, where `active` work or start and `want` would be right at this moment.

    Up at once to what is needed, as soon as the need is not a moment's; down to the most that was needed of late.
    """
    if active < policy.least or (want > active and (active == 0 or asked.oldest_ms >= policy.up_after_ms)):
        return want
    if now - history.since < policy.down_after_ms / 1000:
        return active
    return min(active, max((one.replicas for one in history.kept), default=active))


def _is_for(demand: Demand, fleet: Sequence[Worker]) -> bool:
    if not fleet:
        return demand.worker_id is None
    return any(fits(demand, worker) for worker in fleet)
