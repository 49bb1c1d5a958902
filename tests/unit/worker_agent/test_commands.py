"""Commands: obeyed once, and remembered."""

from typing import Any

import pytest

from contracts.commands import Command, CommandAction, WorkerConfig
from contracts.tasks import Limits
from tests.support.examples import NOW
from worker_agent.decisions.limits import AttemptLimits, limits_of
from worker_agent.domain import AttemptKey, WorkerState
from worker_agent.handlers.beforehand import Beforehand
from worker_agent.handlers.commands import Commands, with_config
from worker_agent.handlers.slots import Slots
from worker_agent.handlers.workshop import Defaults

DEFAULTS = Defaults("auditor", AttemptLimits(1, 2, 3))


class Recorded:
    """Stands for the attempts and the journal: it notes what it is told."""

    def __init__(self) -> None:
        self.slots = Slots(2)
        self.defaults = DEFAULTS
        self.saved: list[WorkerState] = []
        self.cancelled: list[tuple[Any, ...]] = []
        self.paused: list[tuple[Any, ...]] = []
        self.resumed: list[tuple[Any, ...]] = []
        self.changes = 0
        self.configs: list[WorkerConfig] = []
        self.beforehand = Beforehand()

    async def save_state(self, state: WorkerState) -> None:
        self.saved.append(state)

    async def cancel(self, *arguments: Any) -> None:
        self.cancelled.append(arguments)
        self.beforehand.cancel(AttemptKey(arguments[0], arguments[1]))

    async def pause(self, *arguments: Any) -> None:
        self.paused.append(arguments)
        self.beforehand.pause(AttemptKey(arguments[0], arguments[1]), arguments[2])

    async def resume_paused(self, *arguments: Any) -> None:
        self.resumed.append(arguments)

    def changed(self) -> None:
        self.changes += 1


def command(action: CommandAction, command_id: str = "c1", **fields: Any) -> Command:
    values = {"command_id": command_id, "action": action, "worker_id": "w", "issued_at": NOW}
    return Command.model_validate(values | fields)


@pytest.fixture
def told() -> Recorded:
    return Recorded()


@pytest.fixture
def commands(told: Recorded) -> Commands:
    return Commands(WorkerState(), told, told, told.changed, told.configs.append)  # pyright: ignore[reportArgumentType]


async def test_a_command_is_on_disk_before_it_takes_effect_and_is_obeyed_once(
    commands: Commands, told: Recorded
) -> None:
    await commands.obey(command(CommandAction.restart))
    assert (told.saved[-1].commands, commands.restart_wanted, told.changes) == (["c1"], True, 1)
    commands.restart_wanted = False
    await commands.obey(command(CommandAction.restart))
    assert (commands.restart_wanted, told.changes) == (False, 1)


async def test_a_paused_or_drained_worker_takes_no_tasks_until_it_resumes(commands: Commands) -> None:
    for number, action in enumerate((CommandAction.pause, CommandAction.drain)):
        await commands.obey(command(action, f"c{number}"))
        assert not commands.takes_tasks
        await commands.obey(command(CommandAction.resume, f"r{number}"))
        assert commands.takes_tasks


async def test_a_task_is_cancelled_by_its_attempt(commands: Commands, told: Recorded) -> None:
    await commands.obey(command(CommandAction.cancel, task_id="task-1", attempt=2, reason="no"))
    assert told.cancelled == [("task-1", 2, "no")]


async def test_a_configuration_takes_effect_and_adds_to_the_one_before(commands: Commands, told: Recorded) -> None:
    await commands.obey(command(CommandAction.update_config, config={"max_concurrent_tasks": 5}))
    await commands.obey(command(CommandAction.update_config, "c2", config={"default_agent": "command"}))
    assert (told.slots.limit, told.defaults.agent) == (5, "command")
    assert told.saved[-1].config == WorkerConfig(max_concurrent_tasks=5, default_agent="command")
    assert told.configs[-1].default_agent == "command"


@pytest.mark.parametrize("config", [{"unknown": 1}, {"max_concurrent_tasks": 0}])
async def test_a_wrong_configuration_changes_nothing(commands: Commands, told: Recorded, config: Any) -> None:
    await commands.obey(command(CommandAction.update_config, config=config))
    assert (told.slots.limit, told.saved[-1].config) == (2, WorkerConfig())


async def test_a_paused_worker_pauses_all_its_attempts(commands: Commands, told: Recorded) -> None:
    await commands.obey(command(CommandAction.pause, reason="night"))
    await commands.obey(command(CommandAction.resume, "c2"))
    assert (told.paused, told.resumed) == ([(None, None, "night")], [(None, None)])


async def test_the_attempt_of_a_task_is_paused_alone(commands: Commands, told: Recorded) -> None:
    await commands.obey(command(CommandAction.pause, task_id="task-1", attempt=2))
    await commands.obey(command(CommandAction.resume, "c2", task_id="task-1"))
    assert told.paused == [("task-1", 2, "paused by the manager")]
    assert told.resumed == [("task-1", None)]
    assert commands.takes_tasks


async def test_a_worker_that_is_to_leave_takes_no_tasks(commands: Commands, told: Recorded) -> None:
    await commands.drain()
    assert (commands.takes_tasks, told.saved[-1].draining, told.changes) == (False, True, 1)


async def test_a_cancellation_of_no_task_changes_nothing(commands: Commands, told: Recorded) -> None:
    await commands.obey(command(CommandAction.cancel))
    assert (commands.takes_tasks, told.cancelled) == (True, [])


def test_the_memory_limit_of_a_configuration_is_a_default() -> None:
    assert with_config(DEFAULTS, WorkerConfig(memory_limit_mb=64)).limits.memory_mb == 64
    assert limits_of(Limits(memory_mb=8), with_config(DEFAULTS, WorkerConfig(memory_limit_mb=64)).limits).memory_mb == 8


async def test_what_was_cancelled_before_it_came_is_known_after_a_restart(told: Recorded, commands: Commands) -> None:
    await commands.obey(command(CommandAction.cancel, task_id="t", attempt=2))
    assert told.saved[-1].forestalled == [AttemptKey("t", 2)]
    kept, again = WorkerState.model_validate_json(told.saved[-1].to_json()), Recorded()
    Commands(kept, again, again, again.changed, again.configs.append)  # pyright: ignore[reportArgumentType]
    assert list(again.beforehand.cancelled) == [AttemptKey("t", 2)]


async def test_what_was_paused_before_it_came_is_known_with_its_reason_after_a_restart(
    told: Recorded, commands: Commands
) -> None:
    await commands.obey(command(CommandAction.pause, task_id="t", attempt=2, reason="lunch"))
    kept, again = WorkerState.model_validate_json(told.saved[-1].to_json()), Recorded()
    Commands(kept, again, again, again.changed, again.configs.append)  # pyright: ignore[reportArgumentType]
    assert again.beforehand.paused == {AttemptKey("t", 2): "lunch"}


def test_what_a_version_without_reasons_was_told_has_one_that_says_who_asked(told: Recorded) -> None:
    kept = WorkerState.model_validate_json(b'{"paused_before": [["t", 2]]}')
    Commands(kept, told, told, told.changed, told.configs.append)  # pyright: ignore[reportArgumentType]
    assert told.beforehand.paused == {AttemptKey("t", 2): "paused by the manager"}
