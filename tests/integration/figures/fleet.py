"""How the fleet and the queue stand, sample by sample, and how many events and errors there are."""

from collections.abc import Iterator

from tests.integration.figures.entries import Entry, Figure, Metric, mean, newest, per, quantile, rate, ratio, total
from tests.integration.figures.tasks import ATTEMPTS
from tests.integration.figures.world import SYSTEM, Json, World


def _samples(world: World) -> Iterator[Json]:
    return (one for one in world.news if one["kind"] == "worker.sampled")


def of_workers(name: str) -> Metric:
    """A measure of each worker in each sample, where there is one."""

    def metric(world: World) -> Iterator[Entry]:
        for sample in _samples(world):
            for worker in sample["data"]["workers"]:
                if worker.get(name) is not None:
                    groups = frozenset([SYSTEM, ("worker", worker["worker_id"])])
                    yield Entry(sample["ms"], groups, worker[name])

    return metric


def slot_ms(*, used: bool) -> Metric:
    """Slots, or those that were taken, times the time that a sample stands for."""

    def metric(world: World) -> Iterator[Entry]:
        for sample in _samples(world):
            for worker in sample["data"]["workers"]:
                slots = worker["slots_total"] - (worker["slots_free"] if used else 0)
                groups = frozenset([SYSTEM, ("worker", worker["worker_id"])])
                yield Entry(sample["ms"], groups, slots * sample["data"]["every_ms"])

    return metric


def of_queue(name: str) -> Metric:
    """A measure of the queue in each sample that has one."""

    def metric(world: World) -> Iterator[Entry]:
        for sample in _samples(world):
            if "queue" in sample["data"]:
                value = sample["data"]["queue"][name]
                yield Entry(sample["ms"], frozenset([SYSTEM]), value, source=sample["event_id"])

    return metric


def events(world: World) -> Iterator[Entry]:
    """All events of workers."""
    return (Entry(one["ms"], frozenset([SYSTEM, ("worker", one["worker_id"])]), 1) for one in world.events)


def errors_of(*severities: str) -> Metric:
    """Errors of these severities, when they occurred."""

    def metric(world: World) -> Iterator[Entry]:
        for one in world.events:
            if one["kind"] == "error" and one["body"].get("severity", "error") in severities:
                yield Entry(one["ms"], frozenset([SYSTEM, ("worker", one["worker_id"])]), 1)

    return metric


CPU, MEMORY, TRIP = of_workers("cpu_percent"), of_workers("memory_mb"), of_workers("round_trip_ms")
SPOOL = of_workers("spool_events")
DEPTH, AGE = of_queue("queued"), of_queue("oldest_queued_ms")
RUNNING, ONLINE = of_queue("running"), of_queue("workers_online")
UTILIZATION = ratio(slot_ms(used=True), slot_ms(used=False), CPU)

FIGURES: dict[str, Figure] = {
    "utilization": UTILIZATION,
    "errors_per_attempt": per([errors_of("critical", "error")], ATTEMPTS),
    "worker_cpu_p95": quantile(CPU, 0.95),
    "worker_memory_p95": quantile(MEMORY, 0.95),
    "worker_round_trip_p95": quantile(TRIP, 0.95),
    "events_per_second": rate(events, per_s=True),
    "queue_depth": newest(DEPTH),
    "queue_depth_mean": mean(DEPTH),
    "queue_depth_p95": quantile(DEPTH, 0.95),
    "queue_age": newest(AGE),
    "queue_age_p95": quantile(AGE, 0.95),
    "tasks_running_mean": mean(RUNNING),
    "workers_online": newest(ONLINE),
    "fleet_utilization": UTILIZATION,
    "fleet_cpu_mean": mean(CPU),
    "fleet_cpu_p95": quantile(CPU, 0.95),
    "fleet_memory_mean": mean(MEMORY),
    "fleet_memory_p95": quantile(MEMORY, 0.95),
    "network_latency_p50": quantile(TRIP, 0.5),
    "network_latency_p95": quantile(TRIP, 0.95),
    "network_latency_p99": quantile(TRIP, 0.99),
    "spool_events_p95": quantile(SPOOL, 0.95),
    "errors_reported": total(errors_of("critical", "error", "warning", "info")),
}
