"""Workers in text."""

from contracts.workers import FleetInstance, FleetView, WorkerView
from mcp_gateway.domain.outputs import Fleet
from mcp_gateway.mcp.text.layout import cell, moment, more, number, table

_REASON = 200
_MOST_ODD = 20
_HEADER = ("WORKER", "STATUS", "SLOTS", "DONE", "FAILED", "CPU", "MEMORY", "LAST SEEN", "CAPABILITIES")


def managed(fleet: Fleet) -> str:
    """After `manage_workers`."""
    if command := fleet.command:
        return f"Command {command.action} is on its way to {command.worker_id} ({command.command_id})."
    body = table(_HEADER, [_row(worker) for worker in fleet.workers]) if fleet.workers else "No workers."
    told = [body + more(fleet.next_cursor), *([_managed(fleet.fleet)] if fleet.fleet else [])]
    return "\n\n".join(told)


def _managed(fleet: FleetView) -> str:
    """What runs, and what does not as it should."""
    if fleet.replicas is None:
        return f"Fleet ({cell(fleet.kind)}): not known now: {cell(fleet.reason, _REASON)}"
    ready = sum(one.ready for one in fleet.instances)
    bounds = f", between {fleet.least} and {fleet.most} by the queue" if fleet.autoscale else ""
    odd = [_instance(one) for one in fleet.instances if one.intention or not one.ready]
    return "\n".join([f"Fleet ({cell(fleet.kind)}): {fleet.replicas} wanted{bounds}, {ready} ready.", *odd[:_MOST_ODD]])


def _instance(one: FleetInstance) -> str:
    how = "ends" if one.ending else "ready" if one.ready else f"not ready: {cell(one.reason, _REASON)}"
    plan = f" ({cell(one.intention)} is under way)" if one.intention else ""
    return f"  {one.worker_id} {how}{plan}"


def _row(worker: WorkerView) -> tuple[str, ...]:
    return (
        worker.worker_id,
        worker.status.value,
        f"{worker.slots_free}/{worker.slots_total} free",
        str(worker.tasks_completed),
        str(worker.tasks_failed),
        "-" if worker.cpu_percent is None else f"{number(worker.cpu_percent)}%",
        "-" if worker.memory_mb is None else f"{number(worker.memory_mb)} MB",
        moment(worker.last_heartbeat),
        cell(", ".join([*worker.capabilities, *worker.tags])),
    )
