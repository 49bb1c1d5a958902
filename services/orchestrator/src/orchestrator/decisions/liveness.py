"""What a worker's status is, from what it says and from what it was told."""

from contracts.commands import CommandAction
from contracts.workers import Heartbeat, WorkerStatus

_TOLD = {
    CommandAction.pause: WorkerStatus.paused,
    CommandAction.drain: WorkerStatus.draining,
    CommandAction.restart: WorkerStatus.draining,
}


def status_of(heartbeat: Heartbeat) -> WorkerStatus:
    """What a worker says of itself. What it was told stands above it, until it is told otherwise."""
    if heartbeat.draining:
        return WorkerStatus.draining
    return WorkerStatus.paused if heartbeat.paused else WorkerStatus.online


def told_by(action: CommandAction, before: WorkerStatus | None) -> WorkerStatus | None:
    """What a worker has been told to be after `action`: None means to work."""
    if action is CommandAction.resume:
        return None
    return _TOLD.get(action, before)


def words_to_be(told: WorkerStatus | None) -> tuple[CommandAction, ...]:
    """The commands by which a worker that drains becomes what it is told to be."""
    if told is WorkerStatus.draining:
        return (CommandAction.drain,)
    return (CommandAction.resume, CommandAction.pause) if told is WorkerStatus.paused else (CommandAction.resume,)


def told_after_restart(told: WorkerStatus | None) -> WorkerStatus | None:
    """A pause is the manager's will and outlives the process; draining ended with it."""
    return told if told is WorkerStatus.paused else None
