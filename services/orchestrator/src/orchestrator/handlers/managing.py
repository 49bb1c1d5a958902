"""What a manager does with tasks and workers: cancel, retry, pause, resume, command."""

from datetime import timedelta

from contracts.commands import Command, CommandAction, NewCommand
from contracts.decided import DecidedKind
from contracts.tasks import CancelTask, TaskState, TaskView
from contracts.workers import WorkerStatus
from orchestrator.decisions.fleet import place_of
from orchestrator.decisions.liveness import told_by
from orchestrator.decisions.ranking import rank_at
from orchestrator.decisions.retries import RetryPolicy, queue_until
from orchestrator.domain import LIVE_STATES, RETRYABLE_STATES, AttemptRef, FleetAction, Intention
from orchestrator.errors import (
    ConfigMissing,
    NoFleet,
    NotCancellable,
    NothingToDrain,
    NotRetryable,
    NotSteerable,
    TaskNotFound,
    WorkerNotFound,
)
from orchestrator.handlers.cancelling import cancel_task
from orchestrator.handlers.telling import about_task, about_worker
from orchestrator.ports import FleetTraits, Said, Session, Store, Wake
from servicekit.clock import Clock
from servicekit.ids import new_id

MANAGER = "manager"


class Manager:
    """Acts for the manager."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        policy: RetryPolicy,
        wake: Wake,
        fleet_changed: Wake,
        fleet: FleetTraits | None = None,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock
        self._policy = policy
        self._wake = wake
        self._fleet_changed = fleet_changed

    async def cancel(self, task_id: str, why: CancelTask) -> TaskView:
        """End a task now: a worker that has it is told to end its processes, and can no longer change anything.

        A repeat is harmless. Raises TaskNotFound, NotCancellable.
        """
        async with self._store.transaction() as session:
            if await cancel_task(session, task_id, why.reason, self._policy, self._clock.now(), MANAGER) is None:
                raise TaskNotFound(task_id)
        view = await self._view(task_id)
        if view.status is not TaskState.cancelled:
            raise NotCancellable(task_id, view.status.value)
        self._wake()
        return view

    async def retry(self, task_id: str) -> TaskView:
        """Queue an ended task again, with a fresh budget of attempts; this lifts a quarantine.

        Raises TaskNotFound, NotRetryable.
        """
        now = self._clock.now()
        async with self._store.transaction() as session:
            task = await session.read_task(task_id)
            if task is None:
                raise TaskNotFound(task_id)
            until = queue_until(self._policy, task.requirements.limits.queue_ms, now)
            rank = rank_at(task.priority, now)
            if task.status not in RETRYABLE_STATES or not await session.requeue(task_id, rank, until):
                raise NotRetryable(task_id, task.status.value)
            ref = AttemptRef(task_id, task.attempt)
            session.emit([about_task(DecidedKind.task_requeued, ref, now, actor=MANAGER, data={"reason": "retried"})])
        self._wake()
        return await self._view(task_id)

    async def steer(self, task_id: str, action: CommandAction, issued_by: str = MANAGER) -> Command:
        """Tell the worker that has a task to `pause` or `resume` it; what it then says moves the task.

        A repeat is harmless. Raises TaskNotFound, NotSteerable.
        """
        async with self._store.transaction() as session:
            task = await session.read_task(task_id)
            if task is None:
                raise TaskNotFound(task_id)
            if task.status not in LIVE_STATES or task.assigned_worker is None:
                raise NotSteerable(task_id, task.status.value, action.value)
            command = Command(
                command_id=new_id("cmd"),
                action=action,
                worker_id=task.assigned_worker,
                task_id=task_id,
                attempt=task.attempt,
                issued_at=self._clock.now(),
                issued_by=issued_by,
            )
            _send(session, command)
        return command

    async def command(self, worker_id: str, new: NewCommand) -> Command:
        """Tell a worker something; one of the fleet is restarted by whoever runs it.

        Raises WorkerNotFound, ConfigMissing, NothingToDrain, NoFleet.
        """
        command, fleet = self._command(worker_id, new), self._fleet
        if new.action is CommandAction.restart and fleet is not None and place_of(worker_id, fleet.prefix) is not None:
            return await self._restart(command, fleet, drain=new.drain or False)
        if new.drain:
            raise NoFleet(worker_id, "a restart after a drain")
        async with self._store.transaction() as session:
            member = await session.lock_worker(worker_id)
            if member is None:
                raise WorkerNotFound(worker_id)
            if new.action is CommandAction.resume:
                await session.drop_intention(worker_id)
            told = told_by(new.action, member.told)
            if new.action in (CommandAction.pause, CommandAction.drain):
                await session.retell(worker_id, told)
            if told is not member.told:
                await session.set_told(worker_id, told, told or WorkerStatus.online)
            if new.config is not None:
                await session.reconfigure(worker_id, new.config.max_concurrent_tasks, new.config.tags)
            _send(session, command)
        self._fleet_changed()
        return command

    async def _restart(self, command: Command, fleet: FleetTraits, *, drain: bool) -> Command:
        worker_id, now = command.worker_id, command.issued_at
        until = now + timedelta(milliseconds=fleet.drain_ms if drain else 0)
        async with self._store.transaction() as session:
            member = await session.lock_worker(worker_id)
            if member is None:
                raise WorkerNotFound(worker_id)
            told = member.told
            await session.intend(
                Intention(
                    worker_id, FleetAction.restart, None, now, command.issued_by, until, told, command.reason or None
                )
            )
            if drain or fleet.ends_agents:
                await session.set_told(worker_id, WorkerStatus.draining, WorkerStatus.draining)
                session.command([command.model_copy(update={"action": CommandAction.drain})])
            session.emit([_told(command)])
        self._fleet_changed()
        return command

    def _command(self, worker_id: str, new: NewCommand) -> Command:
        if new.drain and new.action is not CommandAction.restart:
            raise NothingToDrain(new.action.value)
        config = new.config.to_dict() if new.config else None
        if new.action is CommandAction.update_config and not config:
            raise ConfigMissing
        return Command(
            command_id=new_id("cmd"),
            action=new.action,
            worker_id=worker_id,
            config=config,
            reason=new.reason,
            issued_at=self._clock.now(),
            issued_by=new.issued_by,
        )

    async def _view(self, task_id: str) -> TaskView:
        view = await self._store.task_view(task_id)
        if view is None:
            raise TaskNotFound(task_id)
        return view


def _send(session: Session, command: Command) -> None:
    session.command([command])
    session.emit([_told(command)])


def _told(command: Command) -> Said:
    worker_id, now, actor = command.worker_id, command.issued_at, command.issued_by
    return about_worker(DecidedKind.worker_commanded, worker_id, now, actor=actor, data=command.to_dict())
