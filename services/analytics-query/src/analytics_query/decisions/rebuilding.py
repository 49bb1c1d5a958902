"""Which part of the log the projections are made of."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from contracts import streams
from contracts.events import QUESTION_KINDS
from contracts.telemetry import LoggedDecision, LoggedEvent, LogMarks, ProducerMarks

NOTHING = ProducerMarks(low=0)


class Selection:
    """The batches that were applied, and with them their events; events that no batch is known of are among them."""

    def __init__(self, applied: LogMarks) -> None:
        self._bounds = {
            (stream.stream, producer): bounds_of(marks)
            for stream in applied.streams
            for producer, marks in stream.producers.items()
        }

    def has_event(self, logged: LoggedEvent) -> bool:
        """Whether an event of a worker was applied."""
        stream = streams.QUESTIONS if logged.event.kind in QUESTION_KINDS else streams.TELEMETRY
        return self._has(stream, logged.producer, logged.batch)

    def has_decision(self, logged: LoggedDecision) -> bool:
        """Whether a decision of a service was applied."""
        return self._has(streams.EVENTS, logged.producer, logged.batch)

    def _has(self, stream: str, producer: str | None, batch: int | None) -> bool:
        if producer is None or batch is None:
            return True
        return bisect_right(self._bounds.get((stream, producer), ()), batch) % 2 == 1


def bounds_of(marks: ProducerMarks) -> list[int]:
    """The first number of each range that is applied, and the first after it, one after the other."""
    bounds = [1, marks.low + 1] if marks.low else []
    for first, last in zip(marks.above[::2], marks.above[1::2], strict=True):
        bounds += [first, last + 1]
    return bounds


def missing_in(log: LogMarks, applied: LogMarks) -> dict[str, int]:
    """How many applied batches are not in the log (yet), by `<stream> <producer>`; empty: none."""
    logged = {(one.stream, producer): marks for one in log.streams for producer, marks in one.producers.items()}
    missing: dict[str, int] = {}
    for stream in applied.streams:
        for producer, marks in stream.producers.items():
            known = bounds_of(logged.get((stream.stream, producer), NOTHING))
            number = _not_within(bounds_of(marks), known)
            if number:
                missing[f"{stream.stream} {producer}"] = number
    return missing


def _not_within(bounds: Sequence[int], others: Sequence[int]) -> int:
    """How many numbers of these ranges are in none of the others."""
    ranges = zip(bounds[::2], bounds[1::2], strict=True)
    return sum(end - begin - _overlap(begin, end, others) for begin, end in ranges)


def _overlap(begin: int, end: int, bounds: Sequence[int]) -> int:
    first, last = bisect_right(bounds, begin), bisect_left(bounds, end)
    edges = [begin, *bounds[first:last], end]
    # Whether the first piece is inside a range is told by the number of bounds before it.
    pieces = enumerate(pairwise(edges), first)
    return sum(after - before for place, (before, after) in pieces if place % 2 == 1)
