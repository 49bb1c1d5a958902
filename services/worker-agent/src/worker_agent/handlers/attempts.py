"""All attempts of this worker: taken in, resumed, cancelled, and forgotten."""

import asyncio
import secrets
from datetime import timedelta
from hashlib import sha256

from contracts.questions import Answer
from contracts.tasks import Assignment
from contracts.workers import RunningAttempt
from servicekit.logs import get_logger
from servicekit.traces import continued, current_traceparent
from worker_agent.decisions.admission import Verdict, admit
from worker_agent.decisions.grants import granted
from worker_agent.decisions.limits import limits_of
from worker_agent.domain import AttemptKey, AttemptRecord, Cancellation, Pause, Phase, Target, ToolAccess
from worker_agent.errors import SandboxUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.beforehand import Beforehand
from worker_agent.handlers.grants import note_decision
from worker_agent.handlers.run import Run
from worker_agent.handlers.saving import Rescue
from worker_agent.handlers.slots import Slots
from worker_agent.handlers.tidying import Tidying
from worker_agent.handlers.verification import workspace_of
from worker_agent.handlers.workshop import Defaults, Workshop
from worker_agent.ports import EventSpool

TOKEN_BYTES = 32
AFTER_CRASH_S = 1.0
# Longer than any other use of a workspace takes, such as the agents' self-test.
ABANDONED_AFTER_S = 600.0
LEASE_OVER = "the worker-agent was away for longer than the lease"

log = get_logger(__name__)


class Attempts:
    """The attempts that this worker holds, each run by a task of its own, and those it remembers."""

    def __init__(self, worker_id: str, workshop: Workshop, spool: EventSpool, slots: Slots, defaults: Defaults) -> None:
        self.defaults = defaults
        self.slots = slots
        self._worker_id = worker_id
        self._workshop = workshop
        self._spool = spool
        self._attempts: dict[AttemptKey, Attempt] = {}
        self._by_token: dict[bytes, Attempt] = {}
        """By the digest: how long a look-up takes says nothing about the token."""
        self._tasks: dict[AttemptKey, asyncio.Task[None]] = {}
        self._rescue = Rescue(workshop)
        self._tidying = Tidying(workshop)
        self.beforehand = Beforehand()

    @property
    def held(self) -> list[RunningAttempt]:
        """Attempts whose lease a heartbeat must renew: until the broker has their outcome."""
        return [
            RunningAttempt(task_id=attempt.key.task_id, attempt=attempt.key.attempt, run_ms=self._run_ms(attempt))
            for attempt in self._attempts.values()
            if not self._is_over(attempt.record)
        ]

    @property
    def has_unsaved(self) -> bool:
        """Whether the workspace of any attempt holds work that is nowhere else."""
        return any(attempt.record.unsaved for attempt in self._attempts.values())

    def by_token(self, token: str) -> Attempt | None:
        """The attempt that a token stands for; None when it has ended, or never was."""
        attempt = self._by_token.get(_digest(token))
        if attempt is None or not secrets.compare_digest(_digest(attempt.record.token), _digest(token)):
            return None
        return attempt if attempt.record.phase in (Phase.starting, Phase.running) else None

    def trace_of(self, key: AttemptKey) -> str | None:
        """The trace to which what is sent for an attempt belongs."""
        attempt = self._attempts.get(key)
        return attempt.trace.here if attempt is not None else None

    async def resume(self) -> None:
        """Take up what the last run of the worker-agent left, unless it was away for longer than the lease."""
        now, last_alive = self._workshop.clock.now(), self._workshop.journal.last_alive()
        crashed = 0 if self._workshop.journal.stopped_in_order() else 1
        for record in await self._workshop.journal.load():
            again = {"starts": record.starts + 1, "crashes": record.crashes + crashed}
            attempt = self._know(record.model_copy(update=again) if record.held else record)
            if not record.held:
                continue
            await attempt.update()
            lease = timedelta(milliseconds=record.assignment.lease_ms)
            if last_alive is not None and now - last_alive > lease:
                await attempt.cancel(Cancellation(reason=LEASE_OVER, by_manager=False))
            elif attempt.record.crashes >= self._workshop.patience.most_crashes:
                reason = f"the worker-agent died {attempt.record.crashes} times while it had this attempt"
                await attempt.cancel(Cancellation(reason=reason, by_manager=False))
            log.info("attempt_resumed", task_id=record.key.task_id, attempt=record.key.attempt, phase=record.phase)
            self._start(attempt)

    async def take(self, assignment: Assignment) -> None:
        """Take an assignment, once. It is on disk when this returns."""
        admission = admit(assignment, self._worker_id, [attempt.record for attempt in self._attempts.values()])
        if admission.verdict is Verdict.ignore:
            log.info("assignment_ignored", task_id=assignment.task_id, attempt=assignment.attempt, why=admission.reason)
            return
        for key in admission.superseded:
            reason = f"attempt {assignment.attempt} of the same task has begun"
            await self._attempts[key].cancel(Cancellation(reason=reason, by_manager=False))
        await self.slots.tell()
        key = AttemptKey(assignment.task_id, assignment.attempt)
        if key in self.beforehand.cancelled:
            log.info("assignment_ignored", task_id=key.task_id, attempt=key.attempt, why="it was cancelled before")
            return
        now, paused_for = self._workshop.clock.now(), self.beforehand.paused.get(key)
        record = AttemptRecord(
            assignment=assignment,
            token=secrets.token_urlsafe(TOKEN_BYTES),
            traceparent=current_traceparent(),
            accepted_at=now,
            tools=ToolAccess(profile=self.defaults.tool_profile),
            pause=Pause(reason=paused_for, asked_at=now) if paused_for is not None else None,
        )
        attempt = self._know(record)
        try:
            await attempt.update()
        except OSError:
            self._forget(record.key)
            raise
        self._start(attempt)

    async def cancel(self, task_id: str, attempt: int | None, reason: str) -> None:
        """End the attempts of a task, or one of them. One that is not here yet is not begun when it comes."""
        if attempt is not None:
            self.beforehand.cancel(AttemptKey(task_id, attempt))
        for found in self._named(task_id, attempt):
            await found.cancel(Cancellation(reason=reason))
        await self.slots.tell()

    async def pause(self, task_id: str | None, attempt: int | None, reason: str) -> None:
        """Let the attempts of a task stand still, or all. One that is not here yet stands still when it comes."""
        named = self._named(task_id, attempt)
        for found in named:
            await found.pause(reason)
        if not named and task_id is not None and attempt is not None:
            self.beforehand.pause(AttemptKey(task_id, attempt), reason)

    async def resume_paused(self, task_id: str | None, attempt: int | None) -> None:
        """Let the attempts of a task go on, or all."""
        self.beforehand.resume(task_id, attempt)
        for found in self._named(task_id, attempt):
            await found.resume()

    async def deliver(self, answer: Answer) -> None:
        """Hand an answer to the attempt that asked."""
        for key, attempt in list(self._attempts.items()):
            if answer.task_id not in (None, key.task_id):
                continue
            # First: who waits for the answer then finds what was granted.
            await note_decision(attempt, answer, self._workshop.clock)
            if await attempt.deliver(answer):
                return
        log.info("answer_to_nobody", question_id=answer.question_id, task_id=answer.task_id)

    async def clean(self, retention_s: float, memory_s: float, budget_bytes: int) -> None:
        """Remove the workspaces of attempts that ended some time ago, and forget those that ended long ago.

        What is nowhere else is saved first. If the workspaces of ended attempts take more than the budget, the oldest
        go sooner (0: there is none); those of attempts that are not known here go by their own age.
        """
        now = self._workshop.clock.now()
        for attempt in list(self._attempts.values()):
            closed_at = attempt.record.closed_at
            if closed_at is None or attempt.key in self._tasks:
                continue
            age_s = (now - closed_at).total_seconds()
            if attempt.record.unsaved:
                await self._rescue.go_on(attempt)
            if attempt.record.unsaved:
                continue
            if age_s >= retention_s and not attempt.record.cleaned:
                await self._tidying.remove(attempt, "ended")
            if age_s >= memory_s and self._is_over(attempt.record):
                self._forget(attempt.key)
                await self._workshop.journal.remove(attempt.key)
        await self._tidying.keep_within(budget_bytes, [one for one in self._attempts.values() if self._is_spare(one)])
        known = {name for key in self._attempts for name in (key.workspace, workspace_of(key))}
        abandoned_s = max(retention_s, ABANDONED_AFTER_S)
        await self._tidying.remove_abandoned(known, now - timedelta(seconds=abandoned_s))

    async def wait_idle(self) -> None:
        """Return when no attempt runs here."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def stop(self) -> None:
        """Let go of all attempts; their agents run on, and a later start takes them up again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._workshop.journal.mark_stopped()

    def _run_ms(self, attempt: Attempt) -> int:
        limits = limits_of(attempt.record.assignment.requirements.limits, self.defaults.limits)
        return limits.run_ms + granted(attempt.record.grants, Target.run_ms)

    async def leave(self) -> None:
        """Let go of all attempts, and end their agents: their tasks are moved to other workers."""
        await self.stop()
        held = [attempt for attempt in self._attempts.values() if attempt.record.held]
        await asyncio.gather(*map(self._stop_agent, held))

    def _named(self, task_id: str | None, attempt: int | None) -> list[Attempt]:
        return [
            found
            for key, found in self._attempts.items()
            if task_id in (None, key.task_id) and attempt in (None, key.attempt)
        ]

    def _is_spare(self, attempt: Attempt) -> bool:
        """Whether its workspace is there, and nobody needs it."""
        record = attempt.record
        is_closed = record.closed_at is not None and attempt.key not in self._tasks
        return is_closed and not record.unsaved and not record.cleaned

    def _is_over(self, record: AttemptRecord) -> bool:
        if record.held or record.outcome_position is None:
            return False
        return self._spool.is_delivered(record.outcome_position)

    def _know(self, record: AttemptRecord) -> Attempt:
        workshop = self._workshop
        attempt = Attempt(
            record,
            workshop.journal,
            self._spool,
            workshop.clock,
            workshop.times,
            workshop.quotas,
            workshop.send_limits,
            workshop.agent_secrets,
        )
        self._attempts[record.key] = attempt
        if record.held:
            self._by_token[_digest(record.token)] = attempt
        return attempt

    def _forget(self, key: AttemptKey) -> None:
        attempt = self._attempts.pop(key)
        self._by_token.pop(_digest(attempt.record.token), None)

    def _start(self, attempt: Attempt) -> None:
        with continued(attempt.trace.headers):
            task = asyncio.create_task(self._run(attempt), name=f"attempt-{attempt.key.workspace}")
        self._tasks[attempt.key] = task
        task.add_done_callback(lambda _: self._ended(attempt))

    def _ended(self, attempt: Attempt) -> None:
        self._tasks.pop(attempt.key, None)
        if not attempt.record.held:
            self._by_token.pop(_digest(attempt.record.token), None)

    async def _run(self, attempt: Attempt) -> None:
        # Who asked for help may hold a slot until it is there: help waits for none, or both would wait for each other.
        is_help = attempt.record.assignment.collaboration is not None
        at_once = is_help or attempt.record.phase is not Phase.accepted
        async with self.slots.taken(lambda: at_once or attempt.cancelled.is_set()):
            while attempt.record.held:
                try:
                    await Run(attempt, self._workshop, self.defaults).to_outcome()
                except Exception as error:
                    # An attempt never vanishes: whatever went wrong is its outcome.
                    log.exception("attempt_crashed", task_id=attempt.key.task_id)
                    await self._crashed(attempt, error)

    async def _crashed(self, attempt: Attempt, error: Exception) -> None:
        try:
            if attempt.record.phase is not Phase.reporting:
                await self._stop_agent(attempt)
                await attempt.update(phase=Phase.ended, failure=f"the worker-agent failed: {error!r}"[:1000])
        except OSError as problem:
            # The journal's disk is full or broken: the next update writes the whole record again.
            log.error("journal_not_written", task_id=attempt.key.task_id, error=str(problem))
        await asyncio.sleep(AFTER_CRASH_S)

    async def _stop_agent(self, attempt: Attempt) -> None:
        try:
            await self._workshop.sandbox.stop(attempt.key.agent, self._workshop.patience.grace_ms)
        except SandboxUnavailable as error:
            log.warning("agent_not_stopped", task_id=attempt.key.task_id, error=error.detail)


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
