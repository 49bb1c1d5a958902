"""Why a queued task has no worker, in words."""

from collections.abc import Iterable, Mapping, Sequence

from contracts.workers import WorkerStatus
from orchestrator.decisions.matching import fits, most_live
from orchestrator.domain import Demand, Worker


def obstacle(demand: Demand, workers: Sequence[Worker]) -> str | None:
    """What keeps every worker from ever taking it as things stand; None if only free slots are missing."""
    if demand.worker_id is not None:
        return _obstacle_of_one(demand, {worker.worker_id: worker for worker in workers})
    online = [worker for worker in workers if worker.status is not WorkerStatus.offline]
    if not online:
        return "no worker is online"
    if demand.but_not and all(worker.worker_id == demand.but_not for worker in online):
        return f"no worker but {demand.but_not}, which asks for help, is online"
    fitting = [worker for worker in online if fits(demand, worker)]
    if not fitting:
        return f"{_lacking(demand, online)}; {_count(len(online), 'worker')} online"
    if all(worker.status is not WorkerStatus.online for worker in fitting):
        return f"{_count(len(fitting), 'worker')} would fit, but none takes work: {_statuses(fitting)}"
    return None


def busy(demand: Demand, workers: Sequence[Worker]) -> str:
    """What to say when every worker that fits has its slots full."""
    fitting = [worker for worker in workers if worker.status is WorkerStatus.online and fits(demand, worker)]
    slots = sum(most_live(worker, is_help=demand.is_help) for worker in fitting)
    those_for_help = ", those for help included" if demand.is_help else ""
    fit, full = _count(len(fitting), "worker"), _count(slots, "slot")
    return f"waiting for a free slot: {fit} fit, with {full} in all{those_for_help}"


def overdue_reason(demand: Demand | None, workers: Sequence[Worker], limit_ms: int) -> str:
    """Why nobody took a task in time, as far as it is known now."""
    why = (obstacle(demand, workers) or busy(demand, workers)) if demand is not None else "it was no longer queued"
    return f"no worker took it within {limit_ms / 1000:g} s: {why}"


def misfit(demand: Demand, worker: Worker) -> str | None:
    """What keeps this worker from ever taking it; None if it fits."""
    if demand.worker_id not in {None, worker.worker_id}:
        return f"only worker {demand.worker_id} may take it"
    if demand.but_not == worker.worker_id:
        return f"worker {worker.worker_id} asked for it, and another must do it"
    missing = _named("tag", demand.tags - worker.tags) + _named("capability", demand.capabilities - worker.capabilities)
    return f"worker {worker.worker_id} lacks {' and '.join(missing)}" if missing else None


def _obstacle_of_one(demand: Demand, workers: Mapping[str, Worker]) -> str | None:
    worker = workers.get(demand.worker_id or "")
    if worker is None:
        return f"no worker {demand.worker_id} is known"
    if worker.status is not WorkerStatus.online:
        return f"worker {demand.worker_id} is {worker.status.value}"
    return misfit(demand, worker)


def _lacking(demand: Demand, online: Iterable[Worker]) -> str:
    online = list(online)
    tags = frozenset[str]().union(*(worker.tags for worker in online))
    capabilities = frozenset[str]().union(*(worker.capabilities for worker in online))
    nowhere = _named("tag", demand.tags - tags) + _named("capability", demand.capabilities - capabilities)
    if nowhere:
        return f"no worker has {' or '.join(nowhere)}"
    together = _named("tag", demand.tags) + _named("capability", demand.capabilities)
    return f"no single worker has {' and '.join(together)}"


def _named(what: str, names: Iterable[str]) -> list[str]:
    return [f"{what} {name}" for name in sorted(names)]


def _statuses(workers: Iterable[Worker]) -> str:
    return ", ".join(f"{worker.worker_id} is {worker.status.value}" for worker in list(workers)[:5])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
