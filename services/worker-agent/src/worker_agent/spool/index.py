"""What is in the spool, in memory: where each event lies that the broker does not have yet. No I/O.

A position is one number: the segment's, and the offset in it. An event costs twelve bytes here, so hours of outage fit.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from contracts import subjects
from contracts.batches import MAX_BATCH
from worker_agent.spool.records import Acknowledgement, Header, Record, Seal, StoredEvent

OFFSET_BITS = 40
COMPACT_AFTER = 4096


def position_of(segment: int, offset: int) -> int:
    """The position of a record."""
    return segment << OFFSET_BITS | offset


def place_of(position: int) -> tuple[int, int]:
    """Segment and offset of a position."""
    return position >> OFFSET_BITS, position & ((1 << OFFSET_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed batch: this number of this producer is never used for other events."""

    producer: str
    number: int
    subject: str
    positions: Sequence[int]
    sizes: Sequence[int]

    @property
    def message_id(self) -> str:
        """What tells it from every other batch."""
        return f"{self.producer}.{self.number}"

    @property
    def last(self) -> int:
        """Position of its last event."""
        return self.positions[-1]

    @property
    def seal(self) -> Seal:
        """What is written on disk before it is published."""
        return Seal(self.number, self.last, len(self.positions), self.subject)

    @property
    def bytes(self) -> int:
        """Size of its events on disk."""
        return sum(self.sizes)


class Queue:
    """The events of one subject that are not in a batch yet, oldest first."""

    def __init__(self) -> None:
        self._positions, self._sizes = array("Q"), array("I")
        self._start = 0

    def __len__(self) -> int:
        return len(self._positions) - self._start

    @property
    def head(self) -> int:
        """Position of the oldest event."""
        return self._positions[self._start]

    def append(self, position: int, size: int) -> None:
        """Add the newest event."""
        self._positions.append(position)
        self._sizes.append(size)

    def fitting(self, max_bytes: int, before: int | None) -> int:
        """How many events from the head make a batch: not too many, not too large, all older than `before`."""
        count = total = 0
        for index in range(self._start, min(len(self._positions), self._start + MAX_BATCH)):
            total += self._sizes[index]
            if (count and total > max_bytes) or (before is not None and self._positions[index] >= before):
                break
            count += 1
        return count

    def up_to(self, last: int) -> int:
        """How many events from the head lie at or before a position."""
        count = 0
        while count < len(self) and self._positions[self._start + count] <= last:
            count += 1
        return count

    def take(self, count: int) -> tuple[Sequence[int], Sequence[int]]:
        """Remove the oldest events; their positions and sizes."""
        end = self._start + count
        taken = self._positions[self._start : end], self._sizes[self._start : end]
        self._start = end
        if self._start >= COMPACT_AFTER:
            del self._positions[: self._start], self._sizes[: self._start]
            self._start = 0
        return taken


class Index:
    """All events that wait, by subject, and the batches on their way.

    Each lane of subjects is a producer of its own, so that its numbers are dense whatever a consumer filters.
    One batch of a subject is on its way at a time, which keeps its order through any failure. A subject for which
    `comes_last` says so also waits until the broker has all that is older: nobody hears of an end before the rest.
    """

    def __init__(self, comes_last: Callable[[str], bool], max_batch_bytes: int) -> None:
        self.producer = ""
        self._floor = 1
        self._next: dict[str, int] = {}
        self.boot = ""
        """Run of the machine in which the newest segment was begun."""
        self.events = 0
        self.bytes = 0
        self.on_their_way: dict[str, Batch] = {}
        self._comes_last = comes_last
        self._max_batch_bytes = max_batch_bytes
        self._queues: dict[str, Queue] = {}
        self._waiting_in: dict[int, int] = {}

    @property
    def next_batch(self) -> int:
        """A number that no lane has used yet."""
        return max(self._next.values(), default=self._floor)

    def add(self, subject: str, position: int, size: int) -> None:
        """An event is on disk."""
        self._queues.setdefault(subject, Queue()).append(position, size)
        segment = place_of(position)[0]
        self._waiting_in[segment] = self._waiting_in.get(segment, 0) + 1
        self.events += 1
        self.bytes += size

    def choose(self, room_bytes: int) -> list[Batch]:
        """Cut new batches, from the subject with the oldest event on, until `room_bytes` are full."""
        chosen: list[Batch] = []
        for subject in sorted(self._queues, key=lambda name: self._queues[name].head):
            batch = self._cut(subject) if subject not in self.on_their_way and room_bytes > 0 else None
            if batch is not None:
                room_bytes -= batch.bytes
                chosen.append(batch)
        return chosen

    def acknowledge(self, batch: Batch) -> None:
        """The broker has a batch."""
        if self.on_their_way.get(batch.subject) is batch:
            del self.on_their_way[batch.subject]
        self._forget(batch)

    def holds(self, segment: int) -> bool:
        """Whether an event of this segment still waits."""
        return segment in self._waiting_in

    def oldest(self) -> int | None:
        """Position of the oldest event that the broker does not have; None when it has all."""
        return min(self._fronts(), default=None)

    def replay(self, segment: int, offset: int, size: int, record: Record) -> None:
        """Take in a record found on disk at start, in the order in which they were written."""
        match record:
            case Header(producer, next_batch, boot):
                self.boot = boot
                self._floor = max(self.next_batch, next_batch) if producer == self.producer else next_batch
                self._next.clear()
                self.producer = producer
            case StoredEvent(subject):
                self.add(subject, position_of(segment, offset), size)
            case Seal():
                self._replay_seal(record)
            case Acknowledgement(last):
                for batch in [batch for batch in self.on_their_way.values() if batch.last == last]:
                    self.acknowledge(batch)

    def rename(self, producer: str) -> None:
        """Seal under another name from now on, counting from 1; what is sealed already keeps its own."""
        self.producer, self._floor = producer, 1
        self._next.clear()

    def _cut(self, subject: str) -> Batch | None:
        queue = self._queues[subject]
        count = queue.fitting(self._max_batch_bytes, self._barrier(subject))
        if not count:
            return None
        lane = subjects.lane(subject)
        number = self._next.get(lane, self._floor)
        batch = Batch(f"{self.producer}.{lane}", number, subject, *self._take(subject, count))
        self._next[lane] = number + 1
        self.on_their_way[subject] = batch
        return batch

    def _barrier(self, subject: str) -> int | None:
        return min(self._fronts(but=subject), default=None) if self._comes_last(subject) else None

    def _fronts(self, but: str | None = None) -> Iterator[int]:
        for subject, batch in self.on_their_way.items():
            if subject != but:
                yield batch.positions[0]
        for subject, queue in self._queues.items():
            if subject != but:
                yield queue.head

    def _take(self, subject: str, count: int) -> tuple[Sequence[int], Sequence[int]]:
        queue = self._queues[subject]
        taken = queue.take(count)
        if not len(queue):
            del self._queues[subject]
        return taken

    def _forget(self, batch: Batch) -> None:
        self.events -= len(batch.positions)
        self.bytes -= batch.bytes
        for position in batch.positions:
            segment = place_of(position)[0]
            self._waiting_in[segment] -= 1
            if not self._waiting_in[segment]:
                del self._waiting_in[segment]

    def _replay_seal(self, seal: Seal) -> None:
        lane = subjects.lane(seal.subject)
        self._next[lane] = max(self._next.get(lane, self._floor), seal.batch + 1)
        queue = self._queues.get(seal.subject)
        count = queue.up_to(seal.last) if queue is not None else 0
        if not count:
            return
        if seal.subject in self.on_their_way:
            # A subject gets its next batch only once the broker has the one before.
            self.acknowledge(self.on_their_way[seal.subject])
        batch = Batch(f"{self.producer}.{lane}", seal.batch, seal.subject, *self._take(seal.subject, count))
        if count < seal.count:
            # Some of its events lie in a segment that is removed, which happens only once the broker has the batch.
            self._forget(batch)
        else:
            self.on_their_way[seal.subject] = batch
