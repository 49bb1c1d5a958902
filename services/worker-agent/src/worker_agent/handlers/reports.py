"""Reports: each becomes one event, which is on disk before the report is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts import subjects
from contracts.events import EVENT_TYPES, EventBase, Evidence
from contracts.events.reporting import Report
from contracts.workers import Registration
from servicekit.clock import Clock
from servicekit.ids import new_event_id
from worker_agent.decisions.redaction import Redactor
from worker_agent.domain import SEQ_PER_START, AttemptKey
from worker_agent.errors import AttemptEnded, WrongTask
from worker_agent.handlers.throttling import Throttle
from worker_agent.handlers.timekeeping import Timekeeper
from worker_agent.ports import EventSpool


@dataclass(frozen=True, slots=True)
class Recorded:
    """A report that is on disk."""

    event_id: str
    seq: int
    position: int


class Reporter:
    """Makes the events of one attempt, in order, without its secrets."""

    def __init__(
        self,
        worker_id: str,
        key: AttemptKey,
        starts: int,
        redactor: Redactor,
        spool: EventSpool,
        clock: Clock,
        times: Timekeeper,
        throttle: Throttle,
    ) -> None:
        self.key = key
        self.throttle = throttle
        """How much it may send."""
        self.heard_at = clock.monotonic()
        """When the agent last reported or wrote something."""
        self._worker_id = worker_id
        self._redactor = redactor
        self._spool = spool
        self._clock = clock
        self._times = times
        self._seq = starts * SEQ_PER_START
        self._open = True

    def touch(self) -> None:
        """The agent gave a sign of life."""
        self.heard_at = self._clock.monotonic()

    def close(self) -> None:
        """Take no more reports of the agent."""
        self._open = False

    def check(self, body: Report) -> None:
        """Let the agent say or ask something. Raises AttemptEnded, WrongTask."""
        if not self._open:
            raise AttemptEnded(f"{self.key.task_id}, attempt {self.key.attempt}, has ended: nothing more is taken")
        if body.task_id not in (None, self.key.task_id):
            raise WrongTask(
                f"task_id: given {body.task_id!r}, but this connection reports on {self.key.task_id!r}; leave it out"
            )
        self.touch()

    async def report(self, kind: str, body: Report, **fields: Any) -> Recorded:
        """Record what the agent says. Raises AttemptEnded, WrongTask, RateLimited, and the errors of the spool."""
        self.check(body)
        event = self.event(kind, body, Evidence.reported, **fields)
        payload = self.encoded(event)
        self.throttle.report(kind, len(payload))
        return Recorded(event.event_id, event.seq, await self.store(event, payload))

    async def record(
        self,
        kind: str,
        body: Any,
        evidence: Evidence,
        *,
        event_id: str | None = None,
        occurred_at: datetime | None = None,
        reserved: bool = False,
        **fields: Any,
    ) -> Recorded:
        """Record an event of any evidence. Raises the errors of the spool."""
        event = self.event(kind, body, evidence, event_id=event_id, occurred_at=occurred_at, **fields)
        position = await self.store(event, self.encoded(event), reserved=reserved)
        return Recorded(event.event_id, event.seq, position)

    def event(
        self,
        kind: str,
        body: Any,
        evidence: Evidence,
        *,
        event_id: str | None = None,
        occurred_at: datetime | None = None,
        **fields: Any,
    ) -> EventBase:
        """The next event of this attempt. The body is valid already: it is not validated again."""
        self._seq += 1
        return EVENT_TYPES[kind].model_construct(
            event_id=event_id or new_event_id(),
            worker_id=self._worker_id,
            task_id=self.key.task_id,
            attempt=self.key.attempt,
            seq=self._seq,
            occurred_at=self._times.right(occurred_at or self._clock.now()),
            evidence=evidence,
            kind=kind,
            body=body,
            **fields,
        )

    def encoded(self, event: Any) -> bytes:
        """The JSON of an event, without secrets."""
        return self._redactor.event(event)

    def without_secrets(self, text: str) -> str:
        """A text about this attempt, as it may be logged."""
        return self._redactor.text(text)

    async def store(self, event: Any, payload: bytes, *, reserved: bool = False) -> int:
        """Write an event to the spool; returns its position."""
        subject = subjects.for_event(event.kind, self._worker_id, self.key.task_id)
        return await self._spool.append(subject, payload, _ms(self._clock.now()), reserved=reserved)


async def register(spool: EventSpool, registration: Registration, now: Callable[[], datetime]) -> None:
    """Introduce this worker, through the spool like everything else."""
    event = EVENT_TYPES["registered"].model_validate(
        {
            "event_id": new_event_id(),
            "worker_id": registration.worker_id,
            "occurred_at": now(),
            "evidence": Evidence.observed,
            "body": registration,
        }
    )
    subject = subjects.for_event("registered", registration.worker_id, None)
    await spool.append(subject, event.to_json(), _ms(now()), reserved=True)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
