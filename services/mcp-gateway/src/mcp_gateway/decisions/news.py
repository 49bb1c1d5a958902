"""Which resources change when something happens."""

from pydantic import ValidationError

from contracts.decided import DecidedEvent, DecidedKind, FleetSample
from mcp_gateway.domain import addresses


def changed_by(event: DecidedEvent) -> set[str]:
    """Addresses of what reads otherwise after a decision of a service."""
    changed: set[str] = set()
    if event.task_id is not None:
        changed |= changed_with_task(event.task_id)
    if event.worker_id is not None:
        changed.add(addresses.worker(event.worker_id))
    if event.kind.value.startswith("question."):
        changed.add(addresses.QUESTIONS)
    if event.kind is DecidedKind.worker_sampled:
        changed |= _sampled(event)
    return changed


def changed_with_task(task_id: str) -> set[str]:
    """Addresses of what shows a task and what it does."""
    return {addresses.task(task_id), addresses.streams(task_id)}


def _sampled(event: DecidedEvent) -> set[str]:
    try:
        sample = FleetSample.model_validate(event.data)
    except ValidationError:
        return set()
    return {addresses.worker(worker.worker_id) for worker in sample.workers}
