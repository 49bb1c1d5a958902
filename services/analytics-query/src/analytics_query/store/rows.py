"""How rows are read, and keys written."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg

from analytics_query.domain.distributions import Distributions, add_up
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Json, Key, Rollup
from analytics_query.domain.vocabulary import Dimension, Resolution
from analytics_query.ports import Position
from analytics_query.store.sketches import of_json, unpack

ATTEMPT = "task_id, attempt, worker_id, document::text, events, updated_at"
POSITION = "position, applied_at, newest_event_at, fold_version, minutes_since, hours_since"
FIGURES = "figures, sketches, spreads"
"""What a roll-up holds. `spreads` is what versions before schema 0006 wrote; both count."""
ROLLUP = f"dimension, entity, resolution, bucket, {FIGURES}"

RollupKeys = tuple[list[str], list[str], list[str], list[datetime]]


def attempt(row: asyncpg.Record) -> tuple[AttemptKey, AttemptDocument]:
    """A row of `ATTEMPT`."""
    task_id, number, worker_id, document, events, updated_at = row
    return AttemptKey(task_id, number, worker_id), AttemptDocument.of(document, events, updated_at)


def rollup(row: asyncpg.Record) -> Rollup:
    """A row of `ROLLUP`."""
    dimension, entity, resolution, bucket, *stored = row
    key = Key(Dimension(dimension), entity, Resolution(resolution), int(bucket.timestamp()))
    return Rollup(key, figures(*stored))


def figures(plain: Json, sketches: bytes, spreads: Json) -> Figures:
    """`FIGURES` of a row."""
    [together] = add_up([list(distributions(sketches, spreads))])
    found = Figures(spreads=together)
    found.absorb_plain(plain)
    return found


def distributions(sketches: bytes, spreads: Json | None) -> Iterator[Distributions]:
    """What is in both columns of distributions, to be added up."""
    yield unpack(sketches)
    if spreads:
        yield Distributions.of(of_json(spreads))


def position(row: asyncpg.Record) -> Position:
    """A row of `POSITION`."""
    number, applied_at, newest_event_at, fold_version, minutes_since, hours_since = row
    bounds = {Resolution.minute: minutes_since, Resolution.hour: hours_since}
    kept = Kept({resolution: since for resolution, since in bounds.items() if since is not None})
    return Position(number, applied_at, newest_event_at, fold_version, kept)


def rollup_keys(keys: Iterable[Key]) -> RollupKeys:
    """Keys of roll-ups as columns."""
    kept = list(keys)
    return (
        [key.dimension.value for key in kept],
        [key.entity for key in kept],
        [key.resolution.value for key in kept],
        [datetime.fromtimestamp(key.bucket_s, UTC) for key in kept],
    )


def columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as columns; of no rows, too."""
    kept = list(rows)
    return [[row[place] for row in kept] for place in range(width)]
