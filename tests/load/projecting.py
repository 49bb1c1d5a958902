"""Projects a fleet's month in a process of its own, through the code that the service runs.

    python -m tests.load.projecting SHAPE

SHAPE is a `Shape` as JSON; the database is that of the environment. Messages are decoded as a consumer decodes them,
and gathered into transactions of as many events as the service gathers. Prints what it took, as JSON; the time in which
the history is made up does not count.
"""

import asyncio
import json
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, cast

from nats.aio.msg import Msg

from analytics_query.app import SCHEMA
from analytics_query.decisions.retaining import kept_from
from analytics_query.domain.consumers import CONSUMERS
from analytics_query.handlers.projecting import Projector
from analytics_query.settings import Settings
from analytics_query.store import PLANNER, PostgresProjections
from contracts import streams
from contracts.batches import DECIDED_BATCH, EVENT_BATCH
from servicekit.bus import Received
from servicekit.pg import Database
from tests.load.fleet.history import History
from tests.load.fleet.lines import Sealed
from tests.load.fleet.shape import Shape

TOLD_EVERY = 500_000
"""Events after which a line says how far it is."""


@dataclass
class Spent:
    """What projecting took."""

    events: int = 0
    news: int = 0
    transactions: int = 0
    decoding_s: float = 0.0
    projecting_s: float = 0.0
    cpu_s: float = 0.0
    """CPU time of this process in both; PostgreSQL's is not in it."""

    @contextmanager
    def timed(self, part: str) -> Generator[None]:
        """Add the time in the block to a part."""
        started, cpu = time.perf_counter(), time.process_time()
        yield
        setattr(self, part, getattr(self, part) + time.perf_counter() - started)
        self.cpu_s += time.process_time() - cpu


class Projecting:
    """The consumers of the service, fed from a history instead of the bus."""

    def __init__(self, projector: Projector, max_events: int) -> None:
        self.spent = Spent()
        self._projector, self._max_events = projector, max_events
        self._gathered: dict[str, list[Sealed]] = {}
        self._waiting = 0
        self._told_at = TOLD_EVERY

    async def run(self, shape: Shape) -> None:
        """Everything, a transaction at a time for each consumer."""
        for batch in History(shape).batches():
            self._gathered.setdefault(_consumer(batch), []).append(batch)
            self._waiting += len(batch.lines)
            if self._waiting >= self._max_events:
                await self._apply()
        await self._apply()

    async def _apply(self) -> None:
        gathered, self._gathered, self._waiting = self._gathered, {}, 0
        for consumer, batches in gathered.items():
            payloads = [(batch.subject, batch.payload()) for batch in batches]
            adapter: Any = DECIDED_BATCH if batches[0].is_news else EVENT_BATCH
            with self.spent.timed("decoding_s"):
                received = [_received(subject, adapter.validate_json(payload)) for subject, payload in payloads]
            with self.spent.timed("projecting_s"):
                await self._take(consumer, received)
            self._count(batches)
        self._tell()

    def _tell(self) -> None:
        spent = self.spent
        done = spent.events + spent.news
        if done >= self._told_at:
            self._told_at += TOLD_EVERY
            rate = done / (spent.decoding_s + spent.projecting_s)
            print(f"projected {done:,} events, {rate:,.0f}/s so far", file=sys.stderr, flush=True)

    async def _take(self, consumer: str, received: Sequence[Received[Any]]) -> None:
        if consumer == CONSUMERS[streams.EVENTS]:
            await self._projector.follow(received, consumer)
        else:
            await self._projector.project(received, consumer)

    def _count(self, batches: Sequence[Sealed]) -> None:
        lines = sum(len(batch.lines) for batch in batches)
        self.spent.transactions += 1
        if batches[0].is_news:
            self.spent.news += lines
        else:
            self.spent.events += lines


def _consumer(batch: Sealed) -> str:
    if batch.is_news:
        return CONSUMERS[streams.EVENTS]
    return CONSUMERS[streams.QUESTIONS if batch.subject.startswith("manager.") else streams.TELEMETRY]


def _received(subject: str, batch: Any) -> Received[Any]:
    return Received(batch, Msg(cast(Any, None), subject=subject))


async def project(shape: Shape, settings: Settings) -> Spent:
    """Project all of a shape's history."""
    database = await Database.connect(settings, SCHEMA, planner=PLANNER)
    projections = PostgresProjections(database)
    # The service, too, begins by forgetting what is too old to be kept so finely, and never writes it again.
    await projections.keep(kept_from(shape.until, settings.rollup_minute_days, settings.rollup_hour_days))
    projector = Projector(projections, settings.projection_documents, settings.projection_rollups)
    projecting = Projecting(projector, settings.projection_max_events)
    await projecting.run(shape)
    await database.close()
    return projecting.spent


def main() -> None:
    """Project and print."""
    spent = asyncio.run(project(Shape.from_json(sys.argv[1]), Settings()))
    print(json.dumps(asdict(spent)))


if __name__ == "__main__":
    main()
