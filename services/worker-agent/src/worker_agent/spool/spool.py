"""The spool: an event is on disk before its report is answered, and stays there until the broker has it."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from servicekit.ids import new_id
from servicekit.logs import get_logger
from worker_agent.errors import SpoolUnavailable
from worker_agent.ports import SealedBatch, SpoolStats
from worker_agent.spool.committer import Committer
from worker_agent.spool.disk import Disk, Job
from worker_agent.spool.index import Batch, Index, position_of
from worker_agent.spool.limits import SpoolLimits, refused
from worker_agent.spool.records import Acknowledgement, Header, StoredEvent, encode

SYNC_DELAY_S = 0.1
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
RETRY_DELAY_S = 1.0

log = get_logger(__name__)


@dataclass(slots=True)
class _Incoming:
    subject: str
    frame: bytes
    done: asyncio.Future[int]
    position: int = 0


class Spool:
    """One writer, group commit. Used by one event loop.

    Everything that came while one commit was on its way to the disk goes with the next: under load many events share
    one `fdatasync`, and a lone event waits for nothing but its own.
    """

    def __init__(self, folder: Path, limits: SpoolLimits, comes_last: Callable[[str], bool]) -> None:
        self._limits = limits
        self._disk = Disk(folder)
        self._index = Index(comes_last, limits.max_batch_bytes)
        self._committer = Committer(self._disk)
        self._loop = asyncio.get_running_loop()
        self._segment, self._size, self._roll = 0, 0, True
        self._sizes: dict[int, int] = {}
        self._incoming: list[_Incoming] = []
        self._incoming_bytes = 0
        self._control = bytearray()
        self._load: list[Batch] = []
        self._messages: dict[str, bytes] = {}
        self._unsynced = self._sync_due = False
        self._boot = BOOT_ID.read_text().strip()
        self._committed: asyncio.Future[None] | None = None
        self._next_committed: asyncio.Future[None] = self._loop.create_future()
        self._work = asyncio.Event()
        self._drained: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._begun = False
        self._closed = False

    @classmethod
    async def open(cls, folder: Path, limits: SpoolLimits, comes_last: Callable[[str], bool]) -> "Spool":
        """Read what the last run left, cut off a torn end, and go on from there."""
        spool = cls(folder, limits, comes_last)
        await spool._committer.run(spool._recover)
        if spool.events:
            spool._work.set()
        return spool

    @property
    def producer(self) -> str:
        """What the names of its producers, one for each lane of subjects, begin with."""
        return self._index.producer

    @property
    def events(self) -> int:
        """Events that the broker does not have."""
        return self._index.events

    async def append(self, subject: str, payload: bytes, at_ms: int, *, reserved: bool = False) -> int:
        """Store one event; returns its position once it is on disk.

        Raises SpoolFull, EventTooLarge or SpoolUnavailable: then it is not stored.
        """
        frame = encode(StoredEvent(subject, at_ms, payload))
        if self._closed:
            raise refused(SpoolUnavailable("the worker-agent is stopping; nothing more is recorded"))
        self._limits.check(len(frame), self._file_bytes, reserved=reserved)
        incoming = _Incoming(subject, frame, self._loop.create_future())
        self._incoming.append(incoming)
        self._incoming_bytes += len(frame)
        self._start_commit()
        return await incoming.done

    async def seal(self) -> list[SealedBatch]:
        """All batches to publish now: those not acknowledged yet, and new ones, sealed on disk."""
        on_their_way = self._index.on_their_way
        fresh = self._index.choose(self._limits.max_on_their_way_bytes - sum(b.bytes for b in on_their_way.values()))
        for batch in fresh:
            self._control += encode(batch.seal)
        self._load = [batch for batch in on_their_way.values() if batch.message_id not in self._messages]
        if self._load:
            committed = self._next_committed
            self._start_commit()
            # Whoever waits may be cancelled; the commit goes on, and others wait for it too.
            await asyncio.shield(committed)
        due = [batch for batch in on_their_way.values() if batch.message_id in self._messages]
        return [self._sealed(batch) for batch in sorted(due, key=lambda batch: batch.last)]

    def acknowledge(self, message_ids: Iterable[str]) -> None:
        """The broker has these batches: forget them."""
        by_id = {batch.message_id: batch for batch in self._index.on_their_way.values()}
        for message_id in message_ids:
            self._index.acknowledge(by_id[message_id])
            self._control += encode(Acknowledgement(by_id[message_id].last))
            del self._messages[message_id]
        self._commit_later(SYNC_DELAY_S)
        if not self._index.events:
            self._work.clear()
            if self._drained is not None and not self._drained.done():
                self._drained.set_result(None)

    async def wait_for_work(self) -> None:
        """Return when there is something to publish."""
        await self._work.wait()

    async def drained(self, within_s: float) -> bool:
        """Wait until the broker has all, but no longer than this; whether it has."""
        if self._index.events and within_s > 0:
            self._drained = self._loop.create_future()
            await asyncio.wait([self._drained], timeout=within_s)
        return not self._index.events

    def is_delivered(self, position: int) -> bool:
        """Whether the broker has the event at a position, and all that is older."""
        oldest = self._index.oldest()
        return oldest is None or oldest > position

    def stats(self) -> SpoolStats:
        """How much waits now."""
        oldest, at_ms = self._index.oldest(), None
        if oldest is not None:
            at_ms = self._disk.first_event_ms(oldest)
        return SpoolStats(self._index.events, self._index.bytes, self._file_bytes, at_ms, self._limits.max_bytes)

    async def close(self) -> None:
        """Write what is left and close the files."""
        self._sync_due = self._unsynced
        while self._has_something or self._committed is not None:
            committed = self._committed or self._next_committed
            self._start_commit()
            await asyncio.wait([committed])
            if committed.exception() is not None:
                break
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._committer.run(self._disk.close)
        self._committer.close()

    @property
    def _has_something(self) -> bool:
        return bool(self._incoming or self._control or self._load or self._sync_due)

    @property
    def _file_bytes(self) -> int:
        return sum(self._sizes.values()) + self._incoming_bytes

    def _recover(self) -> None:
        for segment in self._disk.segments():
            for offset, size, record in self._disk.scan(segment):
                self._index.replay(segment, offset, size, record)
            self._segment, self._size = segment, self._disk.size(segment)
            self._sizes[segment] = self._size
        # A segment that lost its header is not written on: the next one begins with it.
        self._roll = self._size == 0
        if self._boot != self._index.boot:
            # Seals are written before their batch is published, but synced a little later: they survive the death of
            # this process, though not of the machine. After that, no number of the old name may be used again.
            self._index.rename(new_id("spool"))
            self._roll = True

    def _start_commit(self) -> None:
        # Begun a moment later, so that all that this turn of the event loop brings shares one commit.
        if self._committed is None and not self._begun and not self._closed and self._has_something:
            self._begun = True
            self._loop.call_soon(self._begin_commit)

    def _begin_commit(self) -> None:
        self._begun = False
        self._committed, self._next_committed = self._next_committed, self._loop.create_future()
        job, incoming, control = self._next_job()
        self._committer.submit(job, partial(self._finish_commit, job, incoming, control))

    def _commit_later(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(delay_s, self._commit_now)

    def _commit_now(self) -> None:
        self._timer = None
        self._sync_due = self._unsynced or bool(self._control)
        self._start_commit()

    def _next_job(self) -> tuple[Job, list[_Incoming], bytes]:
        incoming, control, load = self._incoming, bytes(self._control), tuple(self._load)
        self._incoming, self._control, self._load = [], bytearray(), []
        opening = self._open_segment()
        at = self._size + len(control)
        for one in incoming:
            one.position = position_of(self._segment, at)
            at += len(one.frame)
        data = control + b"".join(one.frame for one in incoming)
        sync = bool(incoming) or self._sync_due
        self._unsynced, self._sync_due = not sync, False
        if self._unsynced:
            self._commit_later(SYNC_DELAY_S)
        job = Job(self._segment, opening, data, len(incoming), sync, load, self._finished_segments())
        return job, incoming, control

    def _open_segment(self) -> Header | None:
        if not self._roll and self._size < self._limits.segment_bytes:
            return None
        self._segment, self._roll = self._segment + 1, False
        header = Header(self._index.producer, self._index.next_batch, self._boot)
        self._size = len(encode(header))
        return header

    def _finished_segments(self) -> tuple[int, ...]:
        # Strictly from the oldest on: an acknowledgement must not go before the event that it is about.
        finished: list[int] = []
        for segment in sorted(self._sizes):
            if segment == self._segment or self._index.holds(segment):
                break
            finished.append(segment)
        return tuple(finished)

    def _finish_commit(
        self, job: Job, incoming: list[_Incoming], control: bytes, result: dict[str, bytes] | Exception
    ) -> None:
        committed, self._committed = self._committed, None
        assert committed is not None
        self._incoming_bytes -= sum(len(one.frame) for one in incoming)
        if isinstance(result, Exception):
            self._undo(result, job, incoming, control)
            committed.set_exception(SpoolUnavailable(f"the spool's disk does not take it: {result}"))
            committed.exception()
        else:
            self._apply(result, job, incoming)
            committed.set_result(None)
        if self._incoming or not isinstance(result, Exception):
            self._start_commit()
        else:
            self._commit_later(RETRY_DELAY_S)

    def _apply(self, loaded: dict[str, bytes], job: Job, incoming: list[_Incoming]) -> None:
        self._size += len(job.data)
        self._sizes[job.segment] = self._size
        for segment in job.remove:
            del self._sizes[segment]
        self._messages |= loaded
        for one in incoming:
            self._index.add(one.subject, one.position, len(one.frame))
            if not one.done.done():
                one.done.set_result(one.position)
        if incoming:
            self._work.set()

    def _undo(self, error: BaseException, job: Job, incoming: list[_Incoming], control: bytes) -> None:
        log.error("spool_write_failed", segment=job.segment, error=str(error), events=len(incoming))
        self._roll = True
        self._control = bytearray(control) + self._control
        problem = SpoolUnavailable(f"the disk did not take it ({error}); it is not recorded")
        refused(problem, len(incoming))
        for one in incoming:
            if not one.done.done():
                one.done.set_exception(problem)

    def _sealed(self, batch: Batch) -> SealedBatch:
        head = f'{{"producer":"{batch.producer}","batch":{batch.number},"events":['.encode()
        return SealedBatch(batch.subject, batch.message_id, head + self._messages[batch.message_id] + b"]}")
