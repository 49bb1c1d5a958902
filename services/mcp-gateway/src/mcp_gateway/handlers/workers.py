"""See the fleet, and tell workers what to do."""

import asyncio

from contracts.commands import CommandAction, NewCommand
from contracts.workers import FleetView
from mcp_gateway.domain.inputs import ManageWorkers, WorkerAction
from mcp_gateway.domain.outputs import Fleet
from mcp_gateway.errors import NotFound, Refused, Unavailable
from mcp_gateway.ports import Call

NOBODY = "none"


async def manage_workers(given: ManageWorkers, call: Call) -> Fleet:
    """List the workers, or send one of them a command. Raises NotFound for an unknown worker."""
    if given.action is WorkerAction.list:
        return await _list(given, call)
    return await _command(given, call)


async def _list(given: ManageWorkers, call: Call) -> Fleet:
    if given.worker_id is not None:
        return Fleet(workers=[await call.upstreams.orchestrator.worker(given.worker_id)])
    asked = call.upstreams.orchestrator.workers(given.status, given.cursor, given.limit)
    is_whole = given.cursor is None and given.status is None
    page, fleet = await asyncio.gather(asked, _managed(call)) if is_whole else (await asked, None)
    return Fleet(workers=page.items, next_cursor=page.next_cursor, fleet=fleet)


async def _managed(call: Call) -> FleetView | None:
    """What runs the workers; that it cannot be told hides no worker."""
    try:
        fleet = await call.upstreams.orchestrator.fleet()
    except (Unavailable, Refused, NotFound):
        return None
    return None if fleet.kind == NOBODY else fleet


async def _command(given: ManageWorkers, call: Call) -> Fleet:
    command = NewCommand(
        action=CommandAction(given.action.value),
        config=given.config,
        reason=given.reason,
        issued_by=call.actor,
        # Left out where nobody asks: an orchestrator of the version before does not know it.
        drain=given.drain or None,
    )
    return Fleet(command=await call.upstreams.orchestrator.command(given.worker_id or "", command))
