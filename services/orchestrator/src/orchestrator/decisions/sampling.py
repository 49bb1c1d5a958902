"""How the fleet and the queue stand at one moment, as it is told."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.decided import FleetSample, QueueSample, WorkerSample
from contracts.tasks import QueueView
from contracts.workers import Heartbeat

MOST_WORKERS = 200
"""Most workers in one event."""
MILLISECOND = timedelta(milliseconds=1)


def fleet_samples(queue: QueueView, heartbeats: Sequence[Heartbeat], every_ms: int, now: datetime) -> list[FleetSample]:
    """The queue, and each worker by its last heartbeat: so many in a sample, and the queue in the first alone."""
    workers = [_worker(heartbeat) for heartbeat in sorted(heartbeats, key=lambda one: one.worker_id)]
    first = FleetSample(every_ms=every_ms, queue=_queue(queue, now), workers=workers[:MOST_WORKERS])
    starts = range(MOST_WORKERS, len(workers), MOST_WORKERS)
    return [first, *(FleetSample(every_ms=every_ms, workers=workers[at : at + MOST_WORKERS]) for at in starts)]


def _queue(queue: QueueView, now: datetime) -> QueueSample:
    oldest = queue.oldest_queued_at
    return QueueSample(
        queued=queue.queued,
        assigned=queue.assigned,
        running=queue.running,
        # Another process may have dated it by a clock that is ahead.
        oldest_queued_ms=0 if oldest is None else max(0, (now - oldest) // MILLISECOND),
        workers_online=queue.workers_online,
    )


def _worker(heartbeat: Heartbeat) -> WorkerSample:
    return WorkerSample(
        worker_id=heartbeat.worker_id,
        slots_total=heartbeat.slots_total,
        slots_free=heartbeat.slots_free,
        cpu_percent=_measured(heartbeat.cpu_percent) or 0.0,
        memory_mb=heartbeat.memory_mb,
        round_trip_ms=_measured(heartbeat.round_trip_ms),
        spool_events=heartbeat.spool_events,
    )


def _measured(figure: float | None) -> float | None:
    """The figure, if it can have been measured: a heartbeat may say anything."""
    return figure if figure is not None and math.isfinite(figure) and figure >= 0 else None
