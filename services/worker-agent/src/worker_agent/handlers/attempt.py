"""One attempt as it lives in this process: its record, its reporter, and who waits for what."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from hashlib import blake2s
from types import MappingProxyType
from typing import Any

from contracts.events.recovery import Completion
from contracts.questions import Answer
from servicekit.clock import Clock
from servicekit.ids import new_event_id, new_id
from worker_agent.decisions.redaction import Redactor
from worker_agent.domain import HELD, AttemptKey, AttemptRecord, Cancellation, Phase, QuestionNote
from worker_agent.handlers.reports import Reporter
from worker_agent.ports import EventSpool, Journal

CANCELLABLE = HELD - {Phase.reporting}


class Attempt:
    """The record is changed through `update` alone, which writes it to disk."""

    def __init__(
        self,
        record: AttemptRecord,
        journal: Journal,
        spool: EventSpool,
        clock: Clock,
        secrets: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        # The token opens this attempt's tools for as long as it runs, and agents like to print their environment.
        redactor = Redactor({**secrets, **record.assignment.requirements.env, "MEWS_MCP_TOKEN": record.token})
        self.record = record
        self.reporter = Reporter(record.assignment.worker_id, record.key, record.starts, redactor, spool, clock)
        self.cancelled = asyncio.Event()
        self.claimed_at = clock.monotonic() if record.claim is not None else None
        """When the agent said that it had finished."""
        self._journal = journal
        self._clock = clock
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        if record.cancelled is not None:
            self.cancelled.set()

    @property
    def key(self) -> AttemptKey:
        """Which attempt this is."""
        return self.record.key

    async def update(self, **changes: Any) -> None:
        """Change the record; on disk when this returns."""
        self.record = self.record.model_copy(update=changes)
        await self._journal.save(self.record)

    async def cancel(self, cancellation: Cancellation) -> None:
        """End it as soon as possible; harmless when it has ended."""
        if self.record.cancelled is None and self.record.phase in CANCELLABLE:
            await self.update(cancelled=cancellation)
            self.cancelled.set()

    async def claim(self, completion: Completion) -> None:
        """Keep what the agent says about its end, for the outcome."""
        self.claimed_at = self._clock.monotonic()
        await self.update(claim=completion)

    async def note_question(self, identity: bytes, deadline_ms: int | None) -> QuestionNote:
        """The note of a question; the same words, until the agent has heard an answer, are the same question."""
        fingerprint = blake2s(identity).hexdigest()
        for note in self.record.questions:
            if note.fingerprint == fingerprint and not note.told:
                return note
        now = self._clock.now()
        note = QuestionNote(
            question_id=new_id("q"),
            event_id=new_event_id(),
            fingerprint=fingerprint,
            asked_at=now,
            expires_at=now + timedelta(milliseconds=deadline_ms) if deadline_ms is not None else None,
        )
        await self.update(questions=[*self.record.questions, note])
        return note

    def answer_to(self, question_id: str) -> asyncio.Future[Answer]:
        """The answer, as soon as it is known."""
        if question_id not in self._answers:
            self._answers[question_id] = asyncio.get_running_loop().create_future()
            for note in self.record.questions:
                if note.question_id == question_id and note.answer is not None:
                    self._answers[question_id].set_result(note.answer)
        return self._answers[question_id]

    async def deliver(self, answer: Answer) -> bool:
        """An answer came; False when it is to no question of this attempt."""
        if all(note.question_id != answer.question_id for note in self.record.questions):
            return False
        await self._change_note(answer.question_id, answer=answer)
        future = self.answer_to(answer.question_id)
        if not future.done():
            future.set_result(answer)
        return True

    async def told(self, question_id: str) -> None:
        """The agent has heard how its question ended: asked again, it is a new one."""
        await self._change_note(question_id, told=True)
        self._answers.pop(question_id, None)

    async def _change_note(self, question_id: str, **changes: Any) -> None:
        notes = [
            note.model_copy(update=changes) if note.question_id == question_id else note
            for note in self.record.questions
        ]
        await self.update(questions=notes)
