"""Workers in text."""

from contracts.workers import WorkerView
from mcp_gateway.domain.outputs import Fleet
from mcp_gateway.mcp.text.layout import cell, moment, more, number, table

_HEADER = ("WORKER", "STATUS", "SLOTS", "DONE", "FAILED", "CPU", "MEMORY", "LAST SEEN", "CAPABILITIES")


def managed(fleet: Fleet) -> str:
    """After `manage_workers`."""
    if command := fleet.command:
        return f"Command {command.action} is on its way to {command.worker_id} ({command.command_id})."
    if not fleet.workers:
        return "No workers."
    return table(_HEADER, [_row(worker) for worker in fleet.workers]) + more(fleet.next_cursor)


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
