"""Writing entries: whatever is told while the last group is written goes into the next, and nobody waits alone."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from contracts.audit import AuditOutcome
from mcp_gateway.decisions.audit import describing
from mcp_gateway.domain.audit import Entry
from mcp_gateway.errors import Unavailable
from mcp_gateway.handlers.audit.counting import AWAY, ENTRIES, HEAD_SEQ, LOST, SECONDS, WAITING
from mcp_gateway.ports import AuditWriter, Unwritable
from servicekit.bus.stopping import until_cancelled
from servicekit.clock import Clock
from servicekit.health import NotReady
from servicekit.logs import get_logger

MOST_AT_ONCE = 1_000
FIRST_PAUSE_S, MOST_PAUSE_S = 0.1, 5.0
LAST_WRITE_S = 3.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecordingPolicy:
    """How entries are kept until they are written."""

    required: bool
    """Whether nothing may be done that cannot be written down."""
    wait_ms: int
    """How long a call waits for its entry."""
    room: int
    """Most entries that wait to be written."""
    gather_ms: int
    """How long entries that nobody waits for are gathered."""


@dataclass(slots=True)
class _Gap:
    """A time in which calls were answered before they were written down."""

    since: datetime
    late: int = 0
    lost: int = 0


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    written: asyncio.Future[bool] | None = None
    """Whether it is durable; None where nobody waits for it."""

    def tell(self, written: bool) -> None:
        if self.written is not None and not self.written.done():
            self.written.set_result(written)


class Recorder:
    """Takes entries and writes them in groups; see `run`."""

    def __init__(self, writer: AuditWriter, clock: Clock, policy: RecordingPolicy, instance: str) -> None:
        self.policy = policy
        self._writer = writer
        self._clock = clock
        self._instance = instance
        self._waiting: deque[_Waiting] = deque()
        self._told = asyncio.Event()
        self._urgent = asyncio.Event()
        self._stopping = asyncio.Event()
        self._in_hand: list[_Waiting] = []
        self._closed = False
        self._gap: _Gap | None = None
        self._away: str | None = None
        self._put(self._itself(describing.OPENED, AuditOutcome.ok))

    @property
    def waiting(self) -> int:
        """How many entries wait to be written, beside those that are being written."""
        return len(self._waiting)

    def note(self, entry: Entry) -> None:
        """Take an entry that nobody waits for. Where there is no room it is lost, and that is written down later."""
        if self._has_room():
            self._put(_Waiting(entry))
        else:
            self._lose()

    async def keep(self, entry: Entry) -> bool:
        """Take an entry and wait until it is durable. False: it is not yet, and is written later."""
        if not self._has_room():
            self._lose()
            return False
        waiting = _Waiting(entry, asyncio.get_running_loop().create_future())
        self._put(waiting)
        if self._away is not None and not self.policy.required:
            return False
        return await self._written(waiting)

    async def ensure(self, entry: Entry) -> None:
        """Like `keep`, for what may only be done once it is written down. Raises Unavailable."""
        if not await self.keep(entry):
            raise self._unavailable()

    def check_room(self) -> None:
        """Whether one more entry can be kept. Raises Unavailable where it must be, and cannot."""
        if self.policy.required and not self._has_room():
            raise self._unavailable()

    async def check(self) -> None:
        """A readiness check: entries can be written."""
        if self._away is not None:
            raise NotReady(f"the audit log cannot be written: {self._away}")

    async def run(self) -> None:
        """Write what is told, until cancelled; then what is left, if that is quickly done."""
        await until_cancelled(self._work(), self._stop, LAST_WRITE_S)

    async def _work(self) -> None:
        self._closed = False
        try:
            while not self._stopping.is_set():
                await self._told.wait()
                await self._gathered()
                await self._write_all()
            self._put(self._itself(describing.CLOSED, AuditOutcome.ok))
            await self._write_all()
        finally:
            self._closed = True
            self._lose_what_is_left()

    def _stop(self) -> None:
        for event in (self._stopping, self._told, self._urgent):
            event.set()

    async def _written(self, waiting: _Waiting) -> bool:
        assert waiting.written is not None
        try:
            async with asyncio.timeout(self.policy.wait_ms / 1000):
                # The entry is written whoever waits for it.
                return await asyncio.shield(waiting.written)
        except TimeoutError:
            self._note_away(f"no answer within {self.policy.wait_ms} ms", 1)
            return False

    def _has_room(self) -> bool:
        return len(self._waiting) < self.policy.room and not self._closed

    def _put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        WAITING.set(len(self._waiting))
        if self._gap is not None:
            self._gap.late += 1
        self._told.set()
        if waiting.written is not None or len(self._waiting) >= MOST_AT_ONCE:
            self._urgent.set()

    def _lose(self) -> None:
        self._gap = self._gap or _Gap(self._clock.now())
        self._gap.lost += 1
        LOST.inc()

    async def _gathered(self) -> None:
        """Give others time to come, unless somebody waits."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.policy.gather_ms / 1000):
                await self._urgent.wait()

    async def _write_all(self) -> None:
        self._told.clear()
        self._urgent.clear()
        while self._waiting and self._may_go_on():
            count = min(len(self._waiting), MOST_AT_ONCE)
            self._in_hand = [self._waiting.popleft() for _ in range(count)]
            await self._write_patiently([[one.entry for one in self._in_hand]])

    async def _write_patiently(self, parts: list[Sequence[Entry]]) -> None:
        """Write what is in hand, however long it takes: nothing behind it may come first."""
        pause_s = FIRST_PAUSE_S
        while (error := await self._failure_of(parts)) is not None:
            self._note_away(error, len(self._in_hand))
            for one in (*self._in_hand, *self._waiting):
                one.tell(written=False)
            if not self._may_go_on():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            pause_s = min(pause_s * 2, MOST_PAUSE_S)
        written, self._in_hand = self._in_hand, []
        for one in written:
            one.tell(written=True)
        self._note_back()

    def _may_go_on(self) -> bool:
        """A process that stops insists on nothing."""
        return self._away is None or not self._stopping.is_set()

    async def _failure_of(self, parts: list[Sequence[Entry]]) -> str | None:
        """Write parts, and take those away that are written. Why it stopped before the end, if it did."""
        try:
            while parts:
                await self._write_first(parts)
        except Exception as error:
            return str(error) or type(error).__name__
        return None

    async def _write_first(self, parts: list[Sequence[Entry]]) -> None:
        """Write the first part. One entry must not spoil the others: they are divided until it is found."""
        entries = parts[0]
        started = self._clock.monotonic()
        try:
            head = await self._writer.append(entries)
        except Unwritable as error:
            parts[:1] = _divided(entries, error)
            return
        parts.pop(0)
        SECONDS.observe(self._clock.monotonic() - started)
        HEAD_SEQ.set(head.seq)
        WAITING.set(len(self._waiting))
        for entry in entries:
            ENTRIES.labels(entry.source, entry.outcome).inc()

    def _note_away(self, reason: str, late: int) -> None:
        if self._away is None:
            log.warning("audit.away", reason=reason, waiting=len(self._waiting))
            AWAY.set(1)
            self._gap = self._gap or _Gap(self._clock.now())
            self._gap.late += late + len(self._waiting)
        self._away = reason

    def _note_back(self) -> None:
        """Write down that, for a time, calls were answered before they were written down, or not written at all."""
        if self._away is not None:
            log.info("audit.back", waiting=len(self._waiting))
            AWAY.set(0)
            self._away = None
        if self._gap is not None:
            gap, self._gap = self._gap, None
            outcome = AuditOutcome.failed if gap.lost else AuditOutcome.ok
            self._put(self._itself(describing.GAP, outcome, since=gap.since.isoformat(), late=gap.late, lost=gap.lost))

    def _lose_what_is_left(self) -> None:
        left = len(self._in_hand) + len(self._waiting)
        if left:
            LOST.inc(left)
            log.error("audit.lost", entries=left, reason=self._away or "the process ended before")

    def _itself(self, action: str, outcome: AuditOutcome, **details: object) -> _Waiting:
        now = self._clock.now()
        return _Waiting(describing.of_itself(action, now, outcome, instance=self._instance, **details))

    def _unavailable(self) -> Unavailable:
        return Unavailable("PostgreSQL", "the audit log cannot be written now, and nothing is done without it")


def _divided(entries: Sequence[Entry], error: Unwritable) -> list[Sequence[Entry]]:
    """Parts of what cannot be written as a whole; of one entry, what is left without that which may be to blame."""
    half = len(entries) // 2
    if half:
        return [entries[:half], entries[half:]]
    log.error("audit.unwritable", action=entries[0].action, error=str(error))
    if entries[0].action == describing.UNWRITABLE:
        LOST.inc()
        return []
    return [[describing.bare(entries[0])]]
