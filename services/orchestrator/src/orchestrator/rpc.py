"""What workers ask for over `manager.rpc.orchestrator.<verb>.<worker>`."""

from collections.abc import Mapping

from contracts.rpc import (
    ConfirmAttempt,
    FindCheckpoint,
    GetTask,
    GetTime,
    ListWorkers,
    Mailbox,
    OpenMailbox,
    ReadCheckpoint,
    ServerTime,
)
from orchestrator.handlers.briefing import Briefings
from orchestrator.handlers.checkpoints import Checkpoints
from orchestrator.ports import Mailboxes
from servicekit.bus.rpc import Handler, typed
from servicekit.clock import Clock


def verbs(briefings: Briefings, checkpoints: Checkpoints, mailboxes: Mailboxes, clock: Clock) -> Mapping[str, Handler]:
    """The verbs that this service answers."""

    async def open_mailbox(worker_id: str, _asked: OpenMailbox) -> Mailbox:
        return await mailboxes.open(worker_id)

    async def get_time(_worker_id: str, _asked: GetTime) -> ServerTime:
        return ServerTime(now=clock.now())

    return {
        "get_task": typed(GetTask, briefings.task),
        "list_workers": typed(ListWorkers, briefings.workers),
        "open_mailbox": typed(OpenMailbox, open_mailbox),
        "get_time": typed(GetTime, get_time),
        "confirm_attempt": typed(ConfirmAttempt, briefings.attempt),
        "find_checkpoint": typed(FindCheckpoint, checkpoints.find),
        "read_checkpoint": typed(ReadCheckpoint, checkpoints.read),
    }
