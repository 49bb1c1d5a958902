"""All processes: starting one, finding one, and ending many."""

import asyncio
import logging
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from contracts.base import Page
from contracts.sandbox import EndReason, LimitChange, Process, ProcessLimits, ProcessStart, ProcessState
from sandbox import clock
from sandbox.confine import parts_of
from sandbox.errors import BadCursor, ProcessEnded, ProcessExists, ProcessNotFound, ShuttingDown, TooManyProcesses
from sandbox.logs import fields
from sandbox.processes import procfs, records
from sandbox.processes.environment import child_environment
from sandbox.processes.leftovers import end_leftovers
from sandbox.processes.limits import MB, changed_kernel_limits, effective, kernel_limits
from sandbox.processes.output import Journal
from sandbox.processes.past import Past, lost
from sandbox.processes.run import Run
from sandbox.processes.spawn import spawn
from sandbox.protections import Host
from sandbox.settings import Settings
from sandbox.workspaces.layout import Layout

LONGEST_CURSOR = 20

log = logging.getLogger(__name__)


class ProcessTable:
    """The processes that run, and those that ended lately."""

    def __init__(self, settings: Settings, host: Host) -> None:
        self._settings = settings
        self._host = host
        self._runs: dict[str, Run | Past] = {}
        self._starting: dict[str, asyncio.Task[Run]] = {}
        self._count = 0
        self._closing = False
        self.busy = asyncio.Event()

    def running(self) -> Iterator[Run]:
        """The runs that have not ended."""
        return (run for run in self._runs.values() if isinstance(run, Run) and not run.ended)

    def restore(self, layouts: Iterable[Layout]) -> None:
        """Take up what an earlier sandbox left: what ended is known again, what ran is ended and known as lost."""
        found = [(layout, record) for layout in layouts for record in records.load(layout.output)]
        lost = [record for _, record in found if record.process.state is ProcessState.RUNNING]
        end_leftovers(lost, self._settings.workspace_root.resolve())
        for layout, record in sorted(found, key=lambda item: (item[1].process.started_at, item[1].number)):
            self._remember(layout, record)
        self._forget_oldest()

    def living(self, process_id: str) -> Run:
        """A run that can be acted upon; raises `ProcessNotFound` or `ProcessEnded`."""
        run = self.get(process_id)
        if not isinstance(run, Run):
            raise ProcessEnded(f"process {process_id} has ended")
        return run

    def get(self, process_id: str) -> Run | Past:
        """A process by its id, also one that ended before this sandbox was started; raises `ProcessNotFound`."""
        run = self._runs.get(process_id)
        if run is None:
            raise ProcessNotFound(f"no process {process_id!r} is known")
        return run

    def page(self, workspace: str | None, cursor: str | None, limit: int) -> Page[Process]:
        """Processes in order of their start."""
        after = _number(cursor)
        runs = [
            run
            for run in self._runs.values()
            if run.number > after and (workspace is None or run.asked.workspace == workspace)
        ]
        more = str(runs[limit - 1].number) if len(runs) > limit else None
        return Page[Process](items=[run.view() for run in runs[:limit]], next_cursor=more)

    async def start(self, asked: ProcessStart, layout: Layout) -> tuple[Run | Past, bool]:
        """Start a process, or find the one that was started under this id; whether it is new."""
        process_id = asked.process_id or uuid.uuid4().hex
        known = self._runs.get(process_id)
        task = self._starting.get(process_id)
        if known is None and task is None:
            task = self._begin(process_id, asked, layout)
            return await asyncio.shield(task), True
        run = known if known is not None else await asyncio.shield(task) if task is not None else self.get(process_id)
        if (run.asked.workspace, run.asked.argv) != (asked.workspace, asked.argv):
            raise ProcessExists(f"process id {process_id!r} is taken by another command")
        return run, False

    async def change_limits(self, process_id: str, change: LimitChange) -> Run:
        """Change limits of a running process, within the ceilings. Raises `LimitTooHigh` or `ProcessEnded`."""
        run = self.living(process_id)
        asked = ProcessLimits(**change.model_dump())
        limits = effective(asked, run.limits, self._settings.max_limits)
        await run.change_limits(limits, changed_kernel_limits(limits, self._tasks_of_user()))
        return run

    async def end_workspace(self, workspace: str) -> None:
        """End and forget every process of a workspace."""
        await self._settle_starts()
        runs = [run for run in self._runs.values() if run.asked.workspace == workspace]
        await _end(runs, self._settings.grace_ms)
        for run in runs:
            self._runs.pop(run.process_id, None)

    async def close(self) -> None:
        """Start nothing more, and end everything."""
        self._closing = True
        await self._settle_starts()
        await _end(list(self._runs.values()), self._settings.grace_ms)

    def _begin(self, process_id: str, asked: ProcessStart, layout: Layout) -> asyncio.Task[Run]:
        limits = effective(asked.limits, self._settings.default_limits, self._settings.max_limits)
        spec = self._spec(asked, limits, layout)
        if self._closing:
            raise ShuttingDown("the sandbox is stopping")
        if len(self._starting) + sum(1 for _ in self.running()) >= self._settings.max_running:
            raise TooManyProcesses(f"{self._settings.max_running} processes run already")
        task = asyncio.create_task(self._start(process_id, asked, limits, layout, spec))
        self._starting[process_id] = task
        task.add_done_callback(lambda _: self._starting.pop(process_id, None))
        return task

    async def _start(
        self, process_id: str, asked: ProcessStart, limits: ProcessLimits, layout: Layout, spec: dict[str, Any]
    ) -> Run:
        journal = Journal(layout.output, process_id, (limits.output_mb or 0) * MB)
        self._count += 1
        run = Run(self._count, process_id, asked, layout, limits, journal, self._settings.grace_ms)
        stdin = asked.stdin is not None or asked.stdin_open
        await run.start(spawn(self._host.prefix(layout.view()), layout.tree, stdin=stdin), spec)
        self._runs[process_id] = run
        self._forget_oldest()
        self.busy.set()
        return run

    def _spec(self, asked: ProcessStart, limits: ProcessLimits, layout: Layout) -> dict[str, Any]:
        folder = layout.tree.joinpath(*parts_of(asked.cwd, allow_root=True))
        return {
            "argv": asked.argv,
            "env": child_environment(
                asked.env,
                self._host.passed_on,
                path=self._host.path,
                home=str(layout.home),
                temporary=str(layout.temporary),
            ),
            "cwd": str(folder),
            "root": str(layout.tree),
            "rlimits": kernel_limits(limits, self._settings.max_limits, self._tasks_of_user()),
        }

    def _tasks_of_user(self) -> int:
        return 0 if self._host.is_root else procfs.tasks_of_user(os.getuid())

    def _forget_oldest(self) -> None:
        ended = [run for run in self._runs.values() if run.ended]
        for run in ended[: max(0, len(ended) - self._settings.keep_ended)]:
            del self._runs[run.process_id]
            records.forget(run.layout.output, run.process_id)

    def _remember(self, layout: Layout, record: records.Record) -> None:
        process = record.process
        journal = Journal.of_the_past(layout.output, process.process_id)
        if process.state is ProcessState.RUNNING:
            process = lost(process, journal, clock.now())
            records.save(layout.output, record.model_copy(update={"process": process}))
            log.warning("process lost", extra=fields(process_id=process.process_id, workspace=process.workspace))
        self._count += 1
        self._runs[process.process_id] = Past(self._count, process, layout, journal)

    async def _settle_starts(self) -> None:
        await asyncio.gather(*self._starting.values(), return_exceptions=True)


async def _end(runs: Sequence[Run | Past], grace_ms: int) -> None:
    for run in runs:
        run.end(EndReason.CANCELLED, grace_ms)
    await asyncio.gather(*(run.wait() for run in runs))


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > LONGEST_CURSOR:
        raise BadCursor("cursor is not one that this list gave out")
    return int(cursor)
