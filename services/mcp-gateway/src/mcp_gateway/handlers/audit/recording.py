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
        while not self._stopping.is_set():
            await self._told.wait()
            await self._gathered()
            await self._write_all()
        self._put(self._itself(describing.CLOSED, AuditOutcome.ok))
        await self._write_all()
        self._closed = True

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
        while self._waiting:
            count = min(len(self._waiting), MOST_AT_ONCE)
            group = [self._waiting.popleft() for _ in range(count)]
            if not await self._write_patiently(group):
                return
            self._tell_gap()

    async def _write_patiently(self, group: Sequence[_Waiting]) -> bool:
        """Write a group, however long it takes: nothing behind it may come first. False: the process stops before."""
        pause_s = FIRST_PAUSE_S
        while (error := await self._failure_of([one.entry for one in group])) is not None:
            self._note_away(error, len(group))
            for one in (*group, *self._waiting):
                one.tell(written=False)
            if self._stopping.is_set():
                LOST.inc(len(group) + len(self._waiting))
                log.error("audit.lost", entries=len(group) + len(self._waiting), reason=error)
                return False
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            pause_s = min(pause_s * 2, MOST_PAUSE_S)
        self._note_back()
        for one in group:
            one.tell(written=True)
        return True

    async def _failure_of(self, entries: Sequence[Entry]) -> str | None:
        try:
            await self._write(entries)
        except Exception as error:
            return str(error) or type(error).__name__
        return None

    async def _write(self, entries: Sequence[Entry]) -> None:
        started = self._clock.monotonic()
        try:
            head = await self._writer.append(entries)
        except Unwritable as error:
            await self._write_apart(entries, error)
            return
        SECONDS.observe(self._clock.monotonic() - started)
        HEAD_SEQ.set(head.seq)
        WAITING.set(len(self._waiting))
        for entry in entries:
            ENTRIES.labels(entry.source, entry.outcome).inc()

    async def _write_apart(self, entries: Sequence[Entry], error: Unwritable) -> None:
        """One entry must not spoil the others; what cannot be written of it is left out."""
        if len(entries) > 1:
            half = len(entries) // 2
            await self._write(entries[:half])
            await self._write(entries[half:])
            return
        log.error("audit.unwritable", action=entries[0].action, error=str(error))
        await self._writer.append([describing.bare(entries[0])])

    def _note_away(self, reason: str, late: int) -> None:
        if self._away is None:
            log.warning("audit.away", reason=reason, waiting=len(self._waiting))
            AWAY.set(1)
            self._gap = self._gap or _Gap(self._clock.now())
            self._gap.late += late + len(self._waiting)
        self._away = reason

    def _note_back(self) -> None:
        if self._away is not None:
            log.info("audit.back", waiting=len(self._waiting))
            AWAY.set(0)
            self._away = None

    def _tell_gap(self) -> None:
        """Write down that, for a time, calls were answered before they were written down, or not written at all."""
        if self._gap is None or self._waiting:
            return
        gap, self._gap = self._gap, None
        outcome = AuditOutcome.failed if gap.lost else AuditOutcome.ok
        self._put(self._itself(describing.GAP, outcome, since=gap.since.isoformat(), late=gap.late, lost=gap.lost))

    def _itself(self, action: str, outcome: AuditOutcome, **details: object) -> _Waiting:
        now = self._clock.now()
        return _Waiting(describing.of_itself(action, now, outcome, instance=self._instance, **details))

    def _unavailable(self) -> Unavailable:
        return Unavailable("PostgreSQL", "the audit log cannot be written now, and nothing is done without it")
