"""Reports over a fleet's month beside the plain SQL over raw events, and what it takes to project that month.

    python -m tests.load.analytics [--events 10000000] [--smaller 1000000] [--keep FOLDER] [--moving] [--only NAME]

A seeded history (see `tests.load.fleet`) is filled into the raw log by COPY, as the tables that one would query
instead, and projected by analytics-query's own code in a process of its own. Then the real service answers every
report over HTTP: cold, with its cache flushed before each call, and again from the cache; with `--moving` as while
a fleet works, where nothing that was looked at before is known to be true still. Beside each report runs the
SQL that answers the same from the raw log, and where both tell the same figures they are compared. A smaller history is
asked in turn with it, call by call: a report that reads roll-ups takes as long over ten times the events.
"""

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from tests.load.agreement import agreements
from tests.load.answering import Asked, Service, answering, measure_calls
from tests.load.event_log import fill_log, table_sizes
from tests.load.fleet.shape import Shape
from tests.load.measuring import Servers, fresh_servers, migrated
from tests.load.report_calls import MAKERS, Subjects, calls_of, subjects_of
from tests.load.telling import show

FILLED = "filled.json"
READ_AT_ONCE = 2**20
"""Bytes."""
Json = dict[str, Any]


@dataclass(frozen=True)
class History:
    """A history that is filled, and who is asked about it."""

    shape: Shape
    service: Service
    log: asyncpg.Connection
    subjects: Subjects


async def measure(histories: Mapping[int, tuple[Servers, Shape]], options: argparse.Namespace) -> dict[int, Json]:
    """By history, what the reports over it take, and whether they say what SQL says."""
    async with AsyncExitStack() as stack:
        opened = {
            events: await stack.enter_async_context(_open(servers, shape, options))
            for events, (servers, shape) in histories.items()
        }
        reports: dict[int, Json] = {events: {} for events in opened}
        for name in MAKERS:
            if options.only in name:
                print(f"asking for: {name}", file=sys.stderr, flush=True)
                measured = await measure_calls(_asked(name, opened.values(), options), options.plain_calls)
                for events, one in zip(opened, measured, strict=True):
                    reports[events][name] = one
        agreed = {events: [] if options.only else await _agreements(one) for events, one in opened.items()}
        return {events: {"reports": reports[events], "agreements": agreed[events]} for events in opened}


def _asked(name: str, histories: Iterable[History], options: argparse.Namespace) -> list[Asked]:
    return [
        Asked(one.service, one.log, calls_of(name, one.subjects, options.calls, one.shape.seed)) for one in histories
    ]


async def _agreements(history: History) -> list[Json]:
    # The histories share one cache, and this asks for what others were asked for, too.
    await history.service.make_cold()
    compared = await agreements(history.service.client, history.log, history.shape, history.subjects)
    return [dataclasses.asdict(one) | {"holds": one.holds} for one in compared]


@asynccontextmanager
async def _open(servers: Servers, shape: Shape, options: argparse.Namespace) -> AsyncGenerator[History]:
    """A history in databases that an older version may have filled."""
    await migrated(servers, "telemetry", "telemetry_ingest")
    await migrated(servers, "analytics", "analytics_query")
    log = await asyncpg.connect(servers.database.dsn("telemetry", owner=True))
    try:
        async with answering(servers, moving=options.moving) as service:
            yield History(shape, service, log, await subjects_of(log, shape))
    finally:
        await log.close()


async def _fill(servers: Servers, shape: Shape, *, together: bool) -> Json:
    await migrated(servers, "analytics", "analytics_query")
    if together:
        log, projection = await asyncio.gather(_filled_log(servers, shape), _projected(servers, shape))
    else:
        log, projection = await _filled_log(servers, shape), await _projected(servers, shape)
    connection = await asyncpg.connect(servers.database.dsn("analytics", owner=True))
    try:
        await connection.execute("VACUUM ANALYZE")
        sizes = await table_sizes(connection, "analytics")
    finally:
        await connection.close()
    return {"log": log, "projection": projection, "sizes": sizes, "database": servers.database.name}


async def _filled_log(servers: Servers, shape: Shape) -> Json:
    log = dataclasses.asdict(await fill_log(servers, shape))
    print(f"the raw log has {log['events'] + log['news']:,} rows", file=sys.stderr, flush=True)
    return log


async def _projected(servers: Servers, shape: Shape) -> Json:
    command = [sys.executable, "-m", "tests.load.projecting", shape.to_json()]
    env = servers.env("analytics")
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(printed)


def _shape(options: argparse.Namespace, events: int) -> Shape:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)  # noqa: TID251
    size = {"events": events, "seed": options.seed, "days": options.days, "workers": options.workers}
    return Shape(until=now, **size, sampled_every_ms=options.sampled_every_ms)


def run(options: argparse.Namespace) -> Json:
    """Measure all histories, each in its own database; what an earlier run has filled is not filled again."""
    keep = Path(options.keep) if options.keep else None
    note = keep / FILLED if keep else None
    known: Json = json.loads(note.read_text()) if note and note.exists() else {}
    asked = sorted({options.smaller, options.events} - {0})
    with fresh_servers(keep) as servers:
        for events in asked:
            if str(events) not in known:
                own = dataclasses.replace(servers, database=servers.postgres.create())
                shape = _shape(options, events)
                filled = asyncio.run(_fill(own, shape, together=options.together))
                known[str(events)] = filled | {"shape": shape.to_json()}
                if note:
                    note.write_text(json.dumps(known, indent=1))
        if keep:
            _read_in(keep)
        histories = {events: _filled(servers, known[str(events)]) for events in asked}
        measured = asyncio.run(measure(histories, options))
    return {str(events): {"filled": known[str(events)]} | measured[events] for events in asked}


def _read_in(folder: Path) -> None:
    """Have the system hold kept databases in memory, as it does when they have just been filled."""
    for path in filter(Path.is_file, folder.rglob("*")):
        with suppress(FileNotFoundError), path.open("rb") as file:
            while file.read(READ_AT_ONCE):
                pass


def _filled(servers: Servers, filled: Json) -> tuple[Servers, Shape]:
    database = dataclasses.replace(servers.database, name=filled["database"])
    return dataclasses.replace(servers, database=database), Shape.from_json(filled["shape"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--smaller", type=int, default=1_000_000, help="events of the history before it; 0: none")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sampled-every-ms", type=int, help="how often the fleet is sampled; left out: see `Shape`")
    parser.add_argument("--calls", type=int, default=100, help="calls of each report, cold and then cached")
    parser.add_argument("--plain-calls", type=int, default=5, help="how often each plain SQL runs")
    parser.add_argument(
        "--together",
        action="store_true",
        help="fill log and projections at once, measuring neither alone",
    )
    parser.add_argument("--moving", action="store_true", help="move the projections' position on before each cold call")
    parser.add_argument("--only", default="", help="only reports whose name contains this; nothing is compared")
    parser.add_argument("--keep", help="a folder in which the filled databases stay, and are found again")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    show(run(options), as_json=options.json)


if __name__ == "__main__":
    main()
