"""One attempt as it lives in this process: its record, its reporter, and who waits for what."""

import asyncio
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import reduce
from hashlib import blake2s
from types import MappingProxyType
from typing import Any

from contracts.events.recovery import Completion
from contracts.events.reporting import Progress
from contracts.questions import Answer, RequestResources
from servicekit.clock import Clock
from servicekit.ids import new_event_id, new_id
from worker_agent.decisions.grants import granted, granted_tools, with_note
from worker_agent.decisions.rates import SendLimits
from worker_agent.decisions.redaction import Redactor
from worker_agent.domain import (
    HELD,
    AttemptKey,
    AttemptRecord,
    Cancellation,
    GrantNote,
    Notice,
    Pause,
    Phase,
    QuestionNote,
    Target,
    ToolAccess,
)
from worker_agent.errors import QuotaExceeded
from worker_agent.handlers.changes import Changes
from worker_agent.handlers.reports import Reporter
from worker_agent.handlers.throttling import Throttle
from worker_agent.handlers.timekeeping import Timekeeper
from worker_agent.handlers.tracing import AttemptTrace
from worker_agent.ports import EventSpool, Journal

CANCELLABLE = HELD - {Phase.reporting}
PAUSABLE = CANCELLABLE - {Phase.ended}


class Attempt:
    """The record is changed through `update` alone, which writes it to disk."""

    def __init__(
        self,
        record: AttemptRecord,
        journal: Journal,
        spool: EventSpool,
        clock: Clock,
        times: Timekeeper,
        quotas: Mapping[Target, int],
        send_limits: SendLimits,
        secrets: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        # The token opens this attempt's tools for as long as it runs, and agents like to print their environment.
        redactor = Redactor({**secrets, **record.assignment.requirements.env, "MEWS_MCP_TOKEN": record.token})
        self.record = record
        self.redactor = redactor
        self.throttle = Throttle(send_limits, clock)
        self.trace = AttemptTrace(record, clock, redactor.text)
        self.reporter = Reporter(
            record.assignment.worker_id, record.key, record.starts, redactor, spool, clock, times, self.throttle
        )
        self.depositing = asyncio.Lock()
        """Held while something large is on its way to or from the object store: one thing at a time, bounded memory."""
        self.cancelled = asyncio.Event()
        self.claimed_at = clock.monotonic() if record.claim is not None else None
        """When the agent said that it had finished."""
        self.changes = Changes()
        """Told of what the agent should hear, and of pauses."""
        self.told_to_hold: list[Notice] = []
        """What holds, as the agent has heard it last."""
        self.progress: Progress | None = None
        """What the agent has reported last, since the worker-agent was started."""
        self.grants_wanted = asyncio.Event()
        """Set when there is a grant to apply."""
        self.grants_settled = Changes()
        """Told when a grant is applied, or cannot be, or has ended."""
        self.grants_awaited: set[str] = set()
        """Requests whose call waits for the grant: it need not be told of it besides."""
        self._quotas = quotas
        self._journal = journal
        self._clock = clock
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._awaited: Counter[str] = Counter()
        if record.cancelled is not None:
            self.cancelled.set()

    @property
    def key(self) -> AttemptKey:
        """Which attempt this is."""
        return self.record.key

    @property
    def tools(self) -> ToolAccess:
        """Which tools it may call: those of its profile, and those that were granted."""
        return reduce(ToolAccess.granted, granted_tools(self.record.grants), self.record.tools)

    @property
    def percent(self) -> float:
        """How much the agent said was done."""
        return self._journal.progress_mark(self.key)

    @property
    def stands_still(self) -> bool:
        """Whether its processes are stopped by a pause."""
        return self.record.pause is not None and self.record.pause.stopped_at is not None

    async def update(self, **changes: Any) -> None:
        """Change the record; on disk when this returns."""
        self.record = self.record.model_copy(update=changes)
        await self._journal.save(self.record)

    async def cancel(self, cancellation: Cancellation) -> None:
        """End it as soon as possible; harmless when it has ended."""
        if self.record.cancelled is None and self.record.phase in CANCELLABLE:
            await self.update(cancelled=cancellation)
            self.cancelled.set()
            self.changes.tell()

    async def pause(self, reason: str) -> None:
        """Ask that it stand still; harmless when it does, or has ended."""
        pause = self.record.pause
        if self.record.phase not in PAUSABLE or (pause is not None and not pause.over):
            return
        await self.update(pause=Pause(reason=reason, asked_at=self._clock.now()))
        self.changes.tell()

    async def resume(self) -> None:
        """Let it go on; harmless when it does."""
        if self.record.pause is not None:
            await self.update(pause=self.record.pause.model_copy(update={"over": True}))
            self.changes.tell()

    async def claim(self, completion: Completion) -> None:
        """Keep what the agent says about its end, for the outcome."""
        self.claimed_at = self._clock.monotonic()
        await self.update(claim=completion)

    def quota(self, target: Target) -> int:
        """How much of the platform it may use: what every attempt may, and what was granted."""
        return self._quotas[target] + granted(self.record.grants, target)

    def grant(self, question_id: str) -> GrantNote | None:
        """What a request has changed, or is about to."""
        return next((note for note in self.record.grants if note.question_id == question_id), None)

    async def note_request(self, question_id: str, body: RequestResources) -> None:
        """Keep what a request is about, for its decision."""
        if question_id not in self.record.requests:
            await self.update(requests=self.record.requests | {question_id: body})

    async def note_grant(self, note: GrantNote) -> None:
        """Have a grant applied, once; a later note of the same request replaces it."""
        await self.update(grants=with_note(self.record.grants, note))
        self.grants_wanted.set()
        self.grants_settled.tell()

    def progressed(self, body: Progress) -> None:
        """Keep what the agent says about how far it is."""
        self.progress = body
        if body.metrics.percent_complete is not None:
            self._journal.mark_progress(self.key, body.metrics.percent_complete)

    async def notify(self, notice: Notice) -> None:
        """Have the agent hear something at its next `check_commands`, once."""
        await self.update(notices=[*self.record.notices, notice])
        self.changes.tell()

    async def heard(self, notices: list[Notice]) -> None:
        """The agent has heard these, and the answers among them."""
        ids = {notice.question_id for notice in notices} - {None}
        notes = [
            note.model_copy(update={"told": True, "heard": True}) if note.question_id in ids and note.answer else note
            for note in self.record.questions
        ]
        left = [notice for notice in self.record.notices if notice not in notices]
        await self.update(notices=left, questions=notes)

    def unheard(self) -> list[QuestionNote]:
        """Questions whose answer is here, and that nobody waits for or has heard."""
        return [
            note
            for note in self.record.questions
            if note.answer is not None and not note.heard and not self._awaited[note.question_id]
        ]

    async def note_question(self, identity: bytes, deadline_ms: int) -> QuestionNote:
        """The note of a question; the same words, until the agent has heard an answer, are the same question."""
        fingerprint = blake2s(identity).hexdigest()
        for note in self.record.questions:
            if note.fingerprint == fingerprint and not note.told:
                return note
        now = self._clock.now()
        self._check_open_questions(now)
        note = QuestionNote(
            question_id=new_id("q"),
            event_id=new_event_id(),
            fingerprint=fingerprint,
            asked_at=now,
            expires_at=now + timedelta(milliseconds=deadline_ms),
        )
        await self.update(questions=[*self.record.questions, note])
        return note

    def question(self, question_id: str) -> QuestionNote | None:
        """The note of a question of this attempt."""
        return next((note for note in self.record.questions if note.question_id == question_id), None)

    @contextmanager
    def awaiting(self, question_id: str) -> Generator[asyncio.Future[Answer]]:
        """The answer, as soon as it is known; while the block runs, somebody waits for it."""
        self._awaited[question_id] += 1
        try:
            yield self._answer_to(question_id)
        finally:
            self._awaited[question_id] -= 1

    async def deliver(self, answer: Answer) -> bool:
        """An answer came; False when it is to no question of this attempt."""
        if self.question(answer.question_id) is None:
            return False
        await self._change_note(answer.question_id, answer=answer)
        future = self._answer_to(answer.question_id)
        if not future.done():
            future.set_result(answer)
        self.changes.tell()
        return True

    async def told(self, question_id: str, *, heard: bool) -> None:
        """The agent knows how its question ended, and perhaps the answer: asked again, it is a new one."""
        await self._change_note(question_id, told=True, heard=heard)
        self._answers.pop(question_id, None)

    def _answer_to(self, question_id: str) -> asyncio.Future[Answer]:
        if question_id not in self._answers:
            self._answers[question_id] = asyncio.get_running_loop().create_future()
            note = self.question(question_id)
            if note is not None and note.answer is not None:
                self._answers[question_id].set_result(note.answer)
        return self._answers[question_id]

    def _check_open_questions(self, now: datetime) -> None:
        open_ones = [
            note
            for note in self.record.questions
            if note.answer is None and not note.told and (note.expires_at is None or note.expires_at > now)
        ]
        most = self.quota(Target.questions)
        if len(open_ones) >= most:
            raise QuotaExceeded(
                f"{len(open_ones)} questions of this attempt are open, and no more than {most} may be: wait for an "
                "answer, or take the default that you named and go on"
            )

    async def _change_note(self, question_id: str, **changes: Any) -> None:
        notes = [
            note.model_copy(update=changes) if note.question_id == question_id else note
            for note in self.record.questions
        ]
        await self.update(questions=notes)
