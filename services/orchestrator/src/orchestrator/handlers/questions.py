"""Tasks wait while a question of theirs is open."""

from contracts.batches import Batch
from contracts.decided import DecidedEvent, DecidedKind
from orchestrator.domain import AttemptRef
from orchestrator.handlers.telling import about_move
from orchestrator.ports import Moved, Session, Store
from servicekit.bus import Received
from servicekit.clock import Clock

CONSUMER = "orchestrator-events"
CLOSING_KINDS = frozenset({DecidedKind.question_answered, DecidedKind.question_expired, DecidedKind.question_withdrawn})


class Questions:
    """Applies what the question-broker decided."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def apply(self, received: list[Received[Batch[DecidedEvent]]]) -> None:
        """Apply those batches that were not applied before."""
        now = self._clock.now()
        async with self._store.transaction() as session:
            for letter in await session.claim(received, CONSUMER):
                for event in letter.batch.events:
                    moved = await _apply(session, event)
                    if moved is not None and moved.before is not moved.after:
                        session.emit([about_move(moved, now, event.actor)])


async def _apply(session: Session, event: DecidedEvent) -> Moved | None:
    if event.task_id is None or event.question_id is None:
        return None
    if event.kind is DecidedKind.question_asked and event.attempt is not None:
        return await session.ask(AttemptRef(event.task_id, event.attempt), event.question_id)
    if event.kind in CLOSING_KINDS:
        return await session.unask(event.task_id, event.question_id)
    return None
