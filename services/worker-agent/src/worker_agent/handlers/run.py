"""The way of one attempt: workspace, agent, verification, outcome. Each step is on disk before it is taken."""

import asyncio
from collections.abc import Awaitable, Callable

from contracts.events import Evidence
from contracts.events.reporting import Progress
from contracts.sandbox import Process, ProcessStart, Workspace
from servicekit.logs import get_logger
from worker_agent.decisions.limits import limits_of
from worker_agent.decisions.pauses import stood_still_ms
from worker_agent.decisions.sources import as_folder, source_of
from worker_agent.domain import Phase
from worker_agent.errors import SandboxRefused, SandboxUnavailable, TaskUnusable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.conclusion import conclude, report_outcome
from worker_agent.handlers.grant_keeper import keep_grants
from worker_agent.handlers.pausing import hold_back, keep_pauses
from worker_agent.handlers.watch import (
    Allowance,
    OutputPump,
    Passed,
    ProcessLost,
    ended_before,
    sample_usage,
    watchdog,
)
from worker_agent.handlers.workshop import Defaults, Workshop, insist, keep_up, patiently
from worker_agent.ports import AgentJob, AgentReader, Launch

MARGIN_S = 15.0
"""How much longer than the sandbox the worker-agent waits for the same limit: it trusts, and has its own clock."""
LAST_OUTPUT_S = 10.0
NOT_FIXED_BY_RETRY = frozenset({"cannot_execute", "limit_too_high", "invalid_request"})

log = get_logger(__name__)


class Run:
    """Takes one attempt from where it is to its outcome. Cancelling the task leaves it where it is."""

    def __init__(self, attempt: Attempt, workshop: Workshop, defaults: Defaults) -> None:
        self._attempt = attempt
        self._workshop = workshop
        self._default_agent = defaults.agent
        self._limits = limits_of(attempt.record.assignment.requirements.limits, defaults.limits)
        self._process_id = attempt.key.agent

    async def to_outcome(self) -> None:
        """Go through the phases that are left."""
        attempt = self._attempt
        if attempt.record.phase is Phase.accepted:
            await self._guarded(self._prepare())
        if attempt.record.phase in (Phase.starting, Phase.running):
            await self._guarded(self._supervise())
        if attempt.record.phase is Phase.ended:
            await conclude(attempt, self._workshop, self._limits)
        if attempt.record.phase is Phase.reporting:
            await report_outcome(attempt, self._workshop)

    async def _guarded(self, step: Awaitable[None]) -> None:
        """Run a step; whatever goes wrong in it ends the attempt, and so does a cancellation."""
        work, cancelled = asyncio.ensure_future(step), asyncio.ensure_future(self._attempt.cancelled.wait())
        try:
            await asyncio.wait([work, cancelled], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
                await self._attempt.update(phase=Phase.ended, process=await self._stop_agent(), failure="cancelled")
                return
            await work
        except SandboxUnavailable as error:
            await self._fail(error.detail, crashed=True)
        except SandboxRefused as error:
            await self._fail(error.detail, retryable=error.reason not in NOT_FIXED_BY_RETRY)
        except TaskUnusable as error:
            await self._fail(error.detail, retryable=False)
        except ProcessLost:
            await self._fail("the agent's process is gone: the sandbox was started anew, or never had it", crashed=True)
        finally:
            for task in (work, cancelled):
                task.cancel()
            await asyncio.gather(work, cancelled, return_exceptions=True)

    async def _fail(self, reason: str, *, retryable: bool = True, crashed: bool = False) -> None:
        """End the attempt; `crashed`: its sandbox died, perhaps together with the worker-agent."""
        attempt = self._attempt
        log.warning("attempt_failed", task_id=attempt.key.task_id, reason=attempt.reporter.without_secrets(reason))
        crashes = max(1, attempt.record.crashes) if crashed else attempt.record.crashes
        await attempt.update(phase=Phase.ended, failure=reason, retryable=retryable, crashes=crashes)

    async def _prepare(self) -> None:
        with self._attempt.trace.phase("prepare_attempt"):
            await self._make_ready()

    async def _make_ready(self) -> None:
        attempt, workshop = self._attempt, self._workshop
        requirements = attempt.record.assignment.requirements
        agent = requirements.agent or self._default_agent
        adapter = workshop.adapters.get(agent)
        if adapter is None:
            raise TaskUnusable(f"there is no agent {agent!r} here; known: {', '.join(sorted(workshop.adapters))}")
        workspace = await self._make_workspace()
        job = AgentJob(
            attempt.record.assignment,
            workshop.mcp_url,
            attempt.record.token,
            workspace.home,
            workspace.path,
            attempt.trace.for_agent,
        )
        launch = adapter.launch(job)
        await hold_back(attempt)
        for path, content in launch.files.items():
            await workshop.sandbox.write_home_file(attempt.key.workspace, path, content)
        await attempt.update(
            phase=Phase.starting, agent=agent, started_at=workshop.clock.now(), base_commit=workspace.base_commit
        )
        await self._say_initializing()
        await workshop.sandbox.start(self._process_start(launch))
        await attempt.update(phase=Phase.running)

    async def _make_workspace(self) -> Workspace:
        workshop, name = self._workshop, self._attempt.key.workspace
        source = source_of(self._attempt.record.assignment.requirements)
        folder = as_folder(source)

        async def make() -> Workspace:
            try:
                return await workshop.sandbox.create_workspace(name, source)
            except SandboxRefused:
                if folder is None:
                    raise
            return await workshop.sandbox.create_workspace(name, folder)

        return await patiently(make, workshop)

    def _process_start(self, launch: Launch) -> ProcessStart:
        return ProcessStart(
            workspace=self._attempt.key.workspace,
            argv=launch.argv,
            env=dict(launch.env),
            stdin=launch.stdin,
            limits=self._limits.for_process,
            name=self._attempt.record.agent,
            process_id=self._process_id,
        )

    async def _say_initializing(self) -> None:
        body = Progress(status="initializing", phase="starting the agent")
        reporter = self._attempt.reporter
        await insist(lambda: reporter.record("progress", body, Evidence.observed, reserved=True))

    async def _supervise(self) -> None:
        attempt, workshop = self._attempt, self._workshop
        if await patiently(lambda: workshop.sandbox.find(self._process_id), workshop) is None:
            raise ProcessLost
        await attempt.update(phase=Phase.running)
        attempt.reporter.touch()
        reader = workshop.adapters[attempt.record.agent].reader(attempt.record.assignment)
        pump = OutputPump(attempt, self._process_id, reader, workshop)
        process, passed = await self._watch(pump, reader)
        changes = passed.changes if passed is not None else {}
        end = reader.end(process)
        if end.version is None:
            end = end.model_copy(update={"version": workshop.agent_versions.get(attempt.record.agent) or None})
        await attempt.update(
            phase=Phase.ended, process=process, agent_end=end, test_commands=pump.test_commands, **changes
        )

    async def _watch(self, pump: OutputPump, reader: AgentReader) -> tuple[Process, Passed | None]:
        """Until the agent has ended, by itself or because something was passed: then what."""
        following = asyncio.ensure_future(pump.run())
        dog = asyncio.ensure_future(watchdog(self._attempt, reader, self._allowance(), self._workshop.clock))
        tasks = (following, dog, *self._keepers())
        try:
            await asyncio.wait([following, dog], return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                return following.result(), None
            stopped = await self._stop_agent()
            if stopped is not None and ended_before(stopped, dog.result()):
                return await following, None
            done, _ = await asyncio.wait([following], timeout=LAST_OUTPUT_S)
            process = following.result() if done else stopped
            if process is None:
                raise ProcessLost
            return process, dog.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _keepers(self) -> list[asyncio.Future[None]]:
        attempt, workshop, every_s = self._attempt, self._workshop, self._workshop.patience.usage_every_s
        works: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: sample_usage(attempt, self._process_id, workshop.sandbox, every_s),
            lambda: keep_pauses(attempt, self._process_id, workshop),
            lambda: keep_grants(attempt, workshop),
        )
        return [asyncio.ensure_future(keep_up(work, attempt.key.task_id)) for work in works]

    def _allowance(self) -> Allowance:
        started_at = self._attempt.record.started_at or self._workshop.clock.now()
        stood_s = stood_still_ms(self._attempt.record, self._workshop.clock.now()) / 1000
        gone_s = max(0.0, (self._workshop.clock.now() - started_at).total_seconds() - stood_s)
        run_s = self._limits.run_ms / 1000 + MARGIN_S - gone_s
        patience = self._workshop.patience
        return Allowance(run_s, self._limits.silence_ms / 1000, patience.linger_s, patience.result_linger_s)

    async def _stop_agent(self) -> Process | None:
        sandbox, grace_ms = self._workshop.sandbox, self._workshop.patience.grace_ms
        try:
            return await patiently(lambda: sandbox.stop(self._process_id, grace_ms), self._workshop)
        except SandboxUnavailable as error:
            log.warning("agent_not_stopped", task_id=self._attempt.key.task_id, error=error.detail)
            return None
