"""Composition: settings in, exit code out. The only place that builds clients."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from auditor.audit import Audit
from auditor.connection import Connection
from auditor.errors import UnreachableManagerError
from auditor.figures import CommandFigures, Figures
from auditor.measure import measure_all, open_workbench
from auditor.reporter import Emit, Reporter
from auditor.resources import metering
from auditor.settings import DEFAULT_COMMAND_TIMEOUT_MS, Settings
from auditor.survey import survey
from contracts.events.recovery import Completion, CompletionStatus

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOTHING = 3
EXIT_UNREPORTED = 4
EXIT_TERMINATED = 143


async def run_audit(settings: Settings, emit: Emit) -> int:
    """Audit and report; the exit code. SIGTERM and SIGINT end it at once, with everything it started."""
    work = asyncio.ensure_future(_audit(settings, emit))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        emit({"type": "error", "content": "ended by a signal"})
        return EXIT_TERMINATED
    except UnreachableManagerError as error:
        emit({"type": "error", "content": str(error), "code": error.code})
        return EXIT_UNREPORTED


async def measure_project(project: Path) -> Figures:
    """All figures of a project, told to nobody."""
    commands: list[CommandFigures] = []
    async with open_workbench(project, DEFAULT_COMMAND_TIMEOUT_MS / 1000, commands.append) as bench:
        return await measure_all(survey(project), bench, commands)


async def _audit(settings: Settings, emit: Emit) -> int:
    commands: list[CommandFigures] = []

    def note(command: CommandFigures) -> None:
        commands.append(command)
        emit(_command_record(command))

    async with AsyncExitStack() as stack:
        meter = await stack.enter_async_context(metering())
        connection = await stack.enter_async_context(Connection(settings.mcp_url, settings.token))
        bench = await stack.enter_async_context(
            open_workbench(settings.project, settings.command_timeout_ms / 1000, note)
        )
        reporter = Reporter(connection, settings.task_id, emit, meter)
        ending = await Audit(settings, reporter, bench, meter, commands).run()
    emit(_result_record(ending, reporter))
    return exit_code(ending, delivered=reporter.completed)


def exit_code(ending: Completion, *, delivered: bool) -> int:
    """The exit code of an audit that ended so."""
    if not delivered:
        return EXIT_UNREPORTED
    return EXIT_NOTHING if ending.status is CompletionStatus.failed else EXIT_DONE


def _command_record(command: CommandFigures) -> dict[str, Any]:
    content = f"$ {command.command}\nexit code {command.exit_code} after {command.duration_ms} ms"
    return {"type": "output", "content": content}


def _result_record(ending: Completion, reporter: Reporter) -> dict[str, Any]:
    return {
        "type": "result",
        "content": ending.summary.overview or "",
        "status": ending.status.value,
        "undelivered": reporter.undelivered,
        "summary": ending.summary.to_dict(),
    }
