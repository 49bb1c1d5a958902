"""Commands: what the manager changes about this worker, or about one attempt. A repeat changes nothing."""

from collections.abc import Callable
from dataclasses import replace

from pydantic import ValidationError

from contracts.commands import Command, CommandAction, WorkerConfig
from servicekit.logs import get_logger
from worker_agent.domain import WorkerState
from worker_agent.handlers.attempts import Attempts
from worker_agent.handlers.beforehand import PAUSED
from worker_agent.handlers.workshop import Defaults
from worker_agent.ports import Journal

REMEMBERED = 1_000

log = get_logger(__name__)


class Commands:
    """Obeys commands, and knows what they have made of this worker."""

    def __init__(
        self,
        state: WorkerState,
        attempts: Attempts,
        journal: Journal,
        changed: Callable[[], None],
        apply_elsewhere: Callable[[WorkerConfig], None],
    ) -> None:
        self.state = state
        attempts.beforehand.recall(state.forestalled, state.paused_before, state.paused_before_for)
        self._attempts = attempts
        self._journal = journal
        self._changed = changed
        self._apply_elsewhere = apply_elsewhere
        self.restart_wanted = False

    @property
    def takes_tasks(self) -> bool:
        """Whether this worker begins new attempts."""
        return not (self.state.paused or self.state.draining)

    async def obey(self, command: Command) -> None:
        """Do what a command says, once."""
        if command.command_id in self.state.commands:
            return
        log.info("command", action=command.action, task_id=command.task_id, issued_by=command.issued_by)
        remembered = [*self.state.commands, command.command_id][-REMEMBERED:]
        changes = await self._changes(command)
        # On disk before it takes effect: a restart must not be obeyed again after the restart.
        await self.save(**changes, commands=remembered)
        self.restart_wanted = self.restart_wanted or command.action is CommandAction.restart
        self._changed()

    async def drain(self) -> None:
        """Begin no new attempts, and leave once those that run are over."""
        await self.save(draining=True)
        self._changed()

    async def save(self, **changes: object) -> None:
        """Change the state of this worker; on disk when this returns."""
        self.state = self.state.model_copy(update=changes)
        await self._journal.save_state(self.state)

    async def _changes(self, command: Command) -> dict[str, object]:
        match command.action:
            case CommandAction.cancel if command.task_id is not None:
                reason = command.reason or "cancelled by the manager"
                await self._attempts.cancel(command.task_id, command.attempt, reason)
                return {"forestalled": list(self._attempts.beforehand.cancelled)}
            case CommandAction.pause:
                await self._attempts.pause(command.task_id, command.attempt, command.reason or PAUSED)
                return {"paused": True} if command.task_id is None else self._paused_before()
            case CommandAction.resume:
                await self._attempts.resume_paused(command.task_id, command.attempt)
                whole = {"paused": False, "draining": False} if command.task_id is None else {}
                return whole | self._paused_before()
            case CommandAction.drain:
                return {"draining": True}
            case CommandAction.update_config:
                return await self._configure(command)
            case CommandAction.restart:
                pass
            case _:
                log.warning("command_not_known", action=command.action, task_id=command.task_id)
        return {}

    def _paused_before(self) -> dict[str, object]:
        paused = self._attempts.beforehand.paused
        return {"paused_before": list(paused), "paused_before_for": list(paused.values())}

    async def _configure(self, command: Command) -> dict[str, object]:
        try:
            wanted = WorkerConfig.model_validate(command.config or {}, extra="forbid")
        except ValidationError as error:
            log.warning("config_refused", error=str(error))
            return {}
        config = self.state.config.model_copy(update=wanted.model_dump(exclude_none=True))
        await self.apply(config)
        return {"config": config}

    async def apply(self, config: WorkerConfig) -> None:
        """Let a configuration take effect."""
        if config.max_concurrent_tasks is not None:
            await self._attempts.slots.resize(config.max_concurrent_tasks)
        self._attempts.defaults = with_config(self._attempts.defaults, config)
        self._apply_elsewhere(config)


def with_config(defaults: Defaults, config: WorkerConfig) -> Defaults:
    """The defaults, as far as a configuration changes them."""
    limits = defaults.limits
    if config.memory_limit_mb is not None:
        limits = replace(limits, memory_mb=config.memory_limit_mb)
    return replace(defaults, agent=config.default_agent or defaults.agent, limits=limits)
