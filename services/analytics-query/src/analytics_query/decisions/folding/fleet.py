"""How the fleet and the queue stand, sample by sample."""

from analytics_query.decisions.folding.tables import Direct
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity
from contracts.decided import DecidedEvent, DecidedKind, FleetSample, QueueSample, WorkerSample

SYSTEM_ALONE: tuple[Entity, ...] = ((Dimension.system, SYSTEM),)


def _sampled(event: DecidedEvent, ledger: Ledger) -> None:
    sample = FleetSample.model_validate(event.data)
    for worker in sample.workers:
        _enter_worker(event, worker, sample.every_ms, ledger)
    if sample.queue is not None:
        _enter_queue(event, sample.queue, ledger)


def _enter_worker(event: DecidedEvent, worker: WorkerSample, every_ms: int, ledger: Ledger) -> None:
    entities, at = (*SYSTEM_ALONE, (Dimension.worker, worker.worker_id)), event.occurred_at
    used = max(worker.slots_total - worker.slots_free, 0)
    ledger.count(entities, at, "slot_ms_total", worker.slots_total * every_ms)
    ledger.count(entities, at, "slot_ms_used", used * every_ms)
    ledger.spread(entities, at, "fleet_cpu_percent", worker.cpu_percent)
    ledger.spread(entities, at, "fleet_memory_mb", worker.memory_mb)
    ledger.spread(entities, at, "spool_events", worker.spool_events)
    if worker.round_trip_ms is not None:
        ledger.spread(entities, at, "round_trip_ms", worker.round_trip_ms)


def _enter_queue(event: DecidedEvent, queue: QueueSample, ledger: Ledger) -> None:
    figures = {
        "queue_depth": queue.queued,
        "queue_age_ms": queue.oldest_queued_ms,
        "tasks_running": queue.running,
        "workers_online": queue.workers_online,
    }
    for metric, value in figures.items():
        ledger.spread(SYSTEM_ALONE, event.occurred_at, metric, value)
        ledger.last(SYSTEM_ALONE, event.occurred_at, metric, value, event.event_id)


DIRECT: dict[str, Direct] = {DecidedKind.worker_sampled: _sampled}
