"""How rows are read, and keys written."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import asyncpg

from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Key, Rollup
from analytics_query.domain.vocabulary import Dimension, Resolution
from analytics_query.ports import Position

ATTEMPT = "task_id, attempt, worker_id, document::text, events, updated_at"
POSITION = "position, applied_at, newest_event_at, fold_version, minutes_since, hours_since"
ROLLUP = "dimension, entity, resolution, bucket, figures, spreads"

RollupKeys = tuple[list[str], list[str], list[str], list[datetime]]


def attempt(row: asyncpg.Record) -> tuple[AttemptKey, AttemptDocument]:
    """A row of `ATTEMPT`."""
    task_id, number, worker_id, document, events, updated_at = row
    return AttemptKey(task_id, number, worker_id), AttemptDocument.of(document, events, updated_at)


def rollup(row: asyncpg.Record) -> Rollup:
    """A row of `ROLLUP`."""
    dimension, entity, resolution, bucket, figures, spreads = row
    key = Key(Dimension(dimension), entity, Resolution(resolution), int(bucket.timestamp()))
    return Rollup(key, Figures.from_json(figures, spreads))


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
