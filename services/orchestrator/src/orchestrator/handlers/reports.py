"""What workers report: registrations, progress, claims and outcomes, a whole gathering in one transaction."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from contracts import streams
from contracts.batches import Batch
from contracts.deadletters import DeadLetterCause
from contracts.decided import DecidedKind
from contracts.events import (
    CompletionEvent,
    Event,
    EventBase,
    Evidence,
    OutcomeEvent,
    ProgressEvent,
    RegisteredEvent,
)
from contracts.events.recovery import Outcome, OutcomeStatus
from contracts.tasks import AttemptState, TaskProgress
from orchestrator.decisions.fencing import Standing, standing_of
from orchestrator.decisions.outcomes import ending_of, summary_of
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import AttemptRef
from orchestrator.handlers.closing import close_attempts, complete_attempts
from orchestrator.handlers.counting import REPORTS_REFUSED
from orchestrator.handlers.outcomes import count_outcomes
from orchestrator.handlers.registering import register
from orchestrator.handlers.telling import about_move, about_task
from orchestrator.ports import Closing, ProgressMade, Session, Store
from servicekit.bus import DeadLetterSink, Received
from servicekit.clock import Clock
from servicekit.logs import get_logger

CONSUMER = "orchestrator"
PAUSED = "paused"

Letter = Received[Batch[Event]]
Report = ProgressEvent | CompletionEvent | OutcomeEvent

log = get_logger(__name__)


@dataclass(slots=True)
class Gathering:
    """The events of a gathering, sorted. `first_at` and `letters` are by attempt and by event id."""

    registrations: list[RegisteredEvent] = field(default_factory=list[RegisteredEvent])
    progress: dict[tuple[AttemptRef, str], ProgressEvent] = field(
        default_factory=dict[tuple[AttemptRef, str], ProgressEvent]
    )
    first_at: dict[AttemptRef, datetime] = field(default_factory=dict[AttemptRef, datetime])
    claims: dict[tuple[AttemptRef, str], CompletionEvent] = field(
        default_factory=dict[tuple[AttemptRef, str], CompletionEvent]
    )
    outcomes: dict[tuple[AttemptRef, str], OutcomeEvent] = field(
        default_factory=dict[tuple[AttemptRef, str], OutcomeEvent]
    )
    letters: dict[str, Letter] = field(default_factory=dict[str, Letter])


@dataclass(frozen=True, slots=True)
class Applied:
    """What a gathering changed, as far as the leader's memory is concerned."""

    closed: Collection[AttemptRef] = ()
    registered: bool = False
    outcomes: Sequence[Outcome] = ()
    """Of attempts whose end was told for the first time, whether or not it still changed anything."""


class Reports:
    """Applies gatherings. `on_applied` hears of each after its commit."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        policy: RetryPolicy,
        dead_letters: DeadLetterSink,
        on_applied: Callable[[Applied], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._dead_letters = dead_letters
        self._on_applied = on_applied

    async def apply(self, received: list[Letter]) -> None:
        """Apply those batches that were not applied before."""
        async with self._store.transaction() as session:
            fresh = await session.claim(received, CONSUMER)
            applied = await self._apply(session, sort(fresh)) if fresh else Applied()
        count_outcomes(applied.outcomes)
        self._on_applied(applied)

    async def _apply(self, session: Session, gathering: Gathering) -> Applied:
        now = self._clock.now()
        if gathering.registrations:
            await register(session, [event.body for event in gathering.registrations], now)
        refused: list[Report] = []
        if gathering.progress:
            refused += await self._advance(session, gathering, now)
        if gathering.claims:
            refused += await self._keep_claims(session, gathering)
        closed: set[AttemptRef] = set()
        told: list[Outcome] = []
        if gathering.outcomes:
            closed, unclosed = await self._close(session, gathering, now)
            refused += unclosed
            told = [event.body for (ref, _), event in gathering.outcomes.items() if ref in closed]
        if refused:
            told += await self._refuse(session, gathering, refused, now)
        return Applied(closed, bool(gathering.registrations), told)

    async def _advance(self, session: Session, gathering: Gathering, now: datetime) -> list[Report]:
        made = [
            ProgressMade(ref, worker, _progress_json(event), gathering.first_at[ref], _is_paused(event))
            for (ref, worker), event in gathering.progress.items()
        ]
        moved = await session.advance(made, now)
        session.emit(about_move(move, now, move.worker_id) for move in moved if move.before is not move.after)
        accepted = {(move.ref, move.worker_id) for move in moved}
        return [event for key, event in gathering.progress.items() if key not in accepted]

    async def _keep_claims(self, session: Session, gathering: Gathering) -> list[Report]:
        kept = await session.keep_claims(
            {key: event.body.to_json() for key, event in gathering.claims.items()},
        )
        return [event for key, event in gathering.claims.items() if key not in kept]

    async def _close(
        self, session: Session, gathering: Gathering, now: datetime
    ) -> tuple[set[AttemptRef], list[Report]]:
        closings = [
            Closing(ref, worker_id, ending_of(event.body)) for (ref, worker_id), event in gathering.outcomes.items()
        ]
        completed = [closing for closing in closings if closing.ending.state is AttemptState.completed]
        others = [closing for closing in closings if closing.ending.state is not AttemptState.completed]
        closed = await complete_attempts(session, completed, now) if completed else set[AttemptRef]()
        if others:
            closed |= (await close_attempts(session, others, self._policy, now)).keys()
        return closed, [event for (ref, _), event in gathering.outcomes.items() if ref not in closed]

    async def _refuse(
        self, session: Session, gathering: Gathering, refused: Sequence[Report], now: datetime
    ) -> list[Outcome]:
        """Judge what changed nothing: most of it is harmless, some must be told, some is somebody else's.

        Outcomes are given that nobody had told: what such an attempt used was used all the same.
        """
        facts = await session.facts_of(sorted({_ref(event) for event in refused}))
        stale: dict[AttemptRef, str] = {}
        told: list[Outcome] = []
        for event in refused:
            known = facts.get(_ref(event))
            says_cancelled = isinstance(event, OutcomeEvent) and event.body.status is OutcomeStatus.cancelled
            standing = standing_of(
                worker_id=event.worker_id,
                holder=known.worker_id if known else None,
                state=known.state if known else None,
                is_current=known.is_current if known else False,
                says_cancelled=says_cancelled,
            )
            REPORTS_REFUSED.labels(standing.value).inc()
            if isinstance(event, OutcomeEvent) and standing in {Standing.stale, Standing.acknowledged}:
                told.append(event.body)
            if standing is Standing.stale:
                stale[_ref(event)] = event.worker_id
            elif standing is Standing.foreign:
                await self._bury(gathering.letters[event.event_id], event, now)
            elif standing is Standing.acknowledged and isinstance(event, OutcomeEvent):
                await session.acknowledge(_ref(event), summary_of(event.body))
        if stale:
            await _tell_stale(session, stale, now)
        return told

    async def _bury(self, letter: Letter, event: Report, now: datetime) -> None:
        reason = f"event {event.event_id}: {event.task_id} has no attempt {event.attempt} on worker {event.worker_id!r}"
        await self._dead_letters.record(
            streams.TELEMETRY,
            letter.subject,
            event.to_json(),
            reason,
            letter.headers,
            now,
            delivery=f"{CONSUMER}:{letter.stream_sequence}:{event.event_id}",
            cause=DeadLetterCause.foreign,
            durable=CONSUMER,
            event_id=event.event_id,
        )


def sort(letters: Iterable[Letter]) -> Gathering:
    """Sort the events of a gathering: the last progress and claim of each attempt, its first outcome."""
    gathering = Gathering()
    for letter in letters:
        for event in letter.batch.events:
            # By kind and not by class: isinstance asks Python code of every Pydantic model, and this is the hot path.
            if event.kind == "registered":
                gathering.registrations.append(event)
            elif event.kind == "progress" or event.kind == "completion" or event.kind == "outcome":
                _sort_report(gathering, event)
                gathering.letters[event.event_id] = letter
    return gathering


def misfit(batch: Batch[Event]) -> str | None:
    """A reason against a batch with a report that does not say which attempt it is of."""
    for event in batch.events:
        if event.kind != "registered" and (event.task_id is None or event.attempt is None):
            missing = "task_id" if event.task_id is None else "attempt"
            return f"event {event.event_id}: kind {event.kind!r} needs {missing}"
    return None


def _sort_report(gathering: Gathering, event: Report) -> None:
    ref = _ref(event)
    key = (ref, event.worker_id)
    if event.kind == "progress":
        gathering.first_at.setdefault(ref, event.occurred_at)
        before = gathering.progress.get(key)
        if before is None or event.seq >= before.seq:
            gathering.progress[key] = event
    elif event.kind == "completion":
        gathering.claims[key] = event
    else:
        gathering.outcomes.setdefault(key, event)


async def _tell_stale(session: Session, stale: dict[AttemptRef, str], now: datetime) -> None:
    """Once for each attempt, however much it goes on talking."""
    for ref in await session.mark_stale(list(stale)):
        log.warning("stale attempt reports", task_id=ref.task_id, attempt=ref.attempt, worker_id=stale[ref])
        session.emit([about_task(DecidedKind.task_stale_report, ref, now, worker_id=stale[ref])])


def _ref(event: EventBase) -> AttemptRef:
    return AttemptRef(event.task_id or "", event.attempt or 0)


def _progress_json(event: ProgressEvent) -> bytes:
    body = event.body
    return TaskProgress(
        status=body.status,
        phase=body.phase,
        percent_complete=body.metrics.percent_complete,
        current_operation=body.metrics.current_operation,
        reported_at=event.occurred_at,
    ).to_json()


def _is_paused(event: ProgressEvent) -> bool:
    """Only what the worker-agent saw pauses a task: an agent that calls itself paused may be anything."""
    return event.body.status == PAUSED and event.evidence is Evidence.observed
